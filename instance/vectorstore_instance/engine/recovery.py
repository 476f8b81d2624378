"""From files of whatever state to a child whose every index can be relied on.

After a good end the index files are proven while the engine is starting: it reads none of them before
it is asked. What does not prove itself is repaired alone. After any other end every collection that
was written to is repaired. A repaired one is asked once before anybody relies on it, which makes the
engine replay what its files do not hold. One that the engine cannot bear even when it is made from the
queue alone is set apart, so that the others are served: an older release let its rows in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vectorstore_instance.core.errors import conflict
from vectorstore_instance.engine import positions
from vectorstore_instance.engine.child import Child, ChildFailed
from vectorstore_instance.engine.client import UpstreamLost
from vectorstore_instance.engine.disk import Disk, NoRoom, is_full
from vectorstore_instance.engine.ending import to_its_end
from vectorstore_instance.engine.positions import Index
from vectorstore_instance.engine.pressure import SLACK
from vectorstore_instance.engine.repair import Repair, Source, repair, repair_all

log = logging.getLogger(__name__)

T = TypeVar("T")
_END_SECONDS = 1.0
"""Within which the end of a process is known, after its connections broke."""


class Recovery:
    """The way from files to a child; keeps count of what it found."""

    def __init__(self, disk: Disk, launch: Callable[[], Awaitable[Child]]) -> None:
        self._disk = disk
        self._launch = launch
        self._doubted: set[str] = set()
        """Segments whose files prove themselves and are not used: the engine has failed on them."""
        self.apart: dict[str, str] = {}
        """Collections that nobody may ask, by id: their names."""
        self.active = False
        """Whether indices are being made again."""
        self.repairs = 0
        """How many index folders and checkpoints were found damaged or were left by a bad end."""
        self.replayed = 0
        """How many operations were replayed to repair them."""

    def check(self, path: str) -> None:
        """Lets a request pass unless it is for a collection that was set apart.

        Raises:
            ApiError: 409; names the collection and the remedy.
        """
        for collection, name in self.apart.items():
            if collection in path:
                raise conflict(
                    f"collection {name}: the engine cannot read one of its rows, which an older release let in, so it "
                    "is set apart; delete it and write it anew, or restore a backup"
                )

    async def child(self) -> Child:
        """Starts the engine on files that are sound, or have been made so.

        Raises:
            NoRoom: the volume is full; DiskError: the files cannot be used; ChildFailed: the engine cannot
                start, or dies of them.
        """
        try:
            return await self._sound_child()
        except (OSError, sqlite3.OperationalError) as problem:
            if not is_full(problem):
                raise
            raise NoRoom(
                f"DATA_DIR: {self._disk.folder}: no room to start the engine ({problem}); have the volume enlarged"
            ) from None

    async def _sound_child(self) -> Child:
        disk = self._disk
        sealed = disk.clean
        self.active = not sealed
        await _in_thread(disk.open)
        repairs = [] if sealed else await self._repair_all()
        proving = asyncio.create_task(_in_thread(disk.damaged)) if sealed else None
        child = await self._launch()
        try:
            if proving is not None and (damaged := await proving):
                self.active = True
                for index in damaged:
                    log.error("collection %s (%s): its index files are damaged", index.name, index.collection)
                await child.stop()
                repairs = await _in_thread(lambda: repair(disk, damaged))
                child = await self._launch()
            while not await self._ask(child, repairs):
                self.active = True
                child.kill()  # what it has replayed, or died of, is in doubt with it
                await child.stop()
                repairs = await self._repair_all()
                child = await self._launch()
        except BaseException:
            await child.stop()
            raise
        self.active = False
        self._doubted.clear()
        return child

    async def _repair_all(self) -> list[Repair]:
        return await _in_thread(lambda: repair_all(self._disk, self._doubted))

    async def _ask(self, child: Child, repairs: list[Repair]) -> bool:
        """Has the engine replay what each index lacks; False where one fails, and is in doubt or set apart now."""
        if not repairs:
            return True
        lacking = await asyncio.to_thread(positions.pending, self._disk.tables.path)
        made = spoilt = replayed = 0
        for repaired in repairs:
            index, operations = repaired.index, lacking.get(repaired.index.collection, 0)
            if index.collection in self.apart or (repaired.source is Source.KEPT and not operations):
                continue
            made += repaired.source is not Source.KEPT
            spoilt += repaired.spoilt
            replayed += operations
            log.warning(
                "collection %s (%s): its index comes from %s; replaying %d operations",
                *(index.name, index.collection, repaired.source.value, operations),
            )
            if index.dimension and not await self._answers(child, index):
                self._judge(repaired)
                return False
        self.repairs += made + spoilt
        self.replayed += replayed
        log.warning("all indices are there again")
        return True

    def _judge(self, failed: Repair) -> None:
        """After a failure on files, they are in doubt; on the queue alone, the collection itself is."""
        index = failed.index
        if failed.source is not Source.QUEUE:
            self._doubted.add(index.segment)
            return
        self.apart[index.collection] = index.name
        log.error(
            "collection %s (%s): the engine cannot read one of its rows; it is set apart, and refused until it is "
            "deleted or the store starts again",
            *(index.name, index.collection),
        )

    async def _answers(self, child: Child, index: Index) -> bool:
        """Asks a collection: a query replays its queue without holding up the others."""
        path = f"/api/v2/tenants/{index.tenant}/databases/{index.database}/collections/{index.collection}/query"
        vector = [1.0] + [0.0] * ((index.dimension or 1) - 1)
        body = json.dumps({"query_embeddings": [vector], "n_results": 1, "include": []}).encode()
        try:
            reply = await child.client.request("POST", path, body)
        except UpstreamLost as lost:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    if await asyncio.shield(child.ended) == -signal.SIGKILL:  # by somebody else, or for its memory
                        self._doubted.add(index.segment)
                        raise ChildFailed(f"the engine was killed in its recovery of {index.name}") from None
            log.error("collection %s: the engine hangs up in its recovery: %s", index.name, lost)
            return False
        if reply.ok:
            return True
        log.error("collection %s does not answer after its repair: %s", index.name, reply.body.decode())
        # Where there is no room it fails for that; whoever asks it is told so.
        return shutil.disk_usage(self._disk.folder).free < SLACK


async def _in_thread(function: Callable[[], T]) -> T:
    """Runs what changes files off the event loop; who gives up waiting leaves only when it has ended."""
    return await to_its_end(asyncio.to_thread(function))
