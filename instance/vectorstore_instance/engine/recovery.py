"""From files of whatever state to a child whose every index can be relied on.

After a good end the index files are proven while the engine is starting: it reads none of them before
it is asked. What does not prove itself is repaired alone. After any other end every collection that
was written to is repaired. A repaired one is asked once before anybody relies on it, which makes the
engine replay what its files do not hold.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vectorstore_instance.engine import positions
from vectorstore_instance.engine.child import Child, ChildFailed
from vectorstore_instance.engine.client import UpstreamLost
from vectorstore_instance.engine.disk import Disk, NoRoom, is_full
from vectorstore_instance.engine.positions import Index
from vectorstore_instance.engine.repair import Repair, Source, repair, repair_all

log = logging.getLogger(__name__)

T = TypeVar("T")


class Recovery:
    """The way from files to a child; keeps count of what it found."""

    def __init__(self, disk: Disk, launch: Callable[[], Awaitable[Child]]) -> None:
        self._disk = disk
        self._launch = launch
        self._trust = True
        """Whether files that prove themselves are used: not after an engine has died of them."""
        self.active = False
        """Whether indices are being made again."""
        self.repairs = 0
        """How many index folders and checkpoints were found damaged or were left by a bad end."""
        self.replayed = 0
        """How many operations were replayed to repair them."""

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
        repairs = [] if sealed else await _in_thread(lambda: repair_all(disk, trust=self._trust))
        proving = asyncio.create_task(_in_thread(disk.damaged)) if sealed else None
        child = await self._launch()
        try:
            if proving is not None and (damaged := await proving):
                repairs, child = await self._repaired(child, damaged, trust=True)
            while failed := await self._ask(child, repairs):
                repairs, child = await self._repaired(child, failed, trust=False)
        except BaseException:
            await child.stop()
            raise
        self.active, self._trust = False, True
        return child

    async def _repaired(self, child: Child, indices: list[Index], *, trust: bool) -> tuple[list[Repair], Child]:
        """Repairs some indices in the place of a child that must not use them, and starts the next."""
        self.active = True
        for index in indices:
            log.error("collection %s (%s): its index files are damaged", index.name, index.collection)
        await child.stop()
        repairs = await _in_thread(lambda: repair(self._disk, indices, trust=trust))
        return repairs, await self._launch()

    async def _ask(self, child: Child, repairs: list[Repair]) -> list[Index]:
        """Has the engine replay what each index lacks; returns those that must be made from the queue instead."""
        if not repairs:
            return []
        lacking = await asyncio.to_thread(positions.pending, self._disk.tables.path)
        failed = []
        for repaired in repairs:
            index, operations = repaired.index, lacking.get(repaired.index.collection, 0)
            if repaired.source is Source.KEPT and not operations:
                continue
            self.repairs += (repaired.source is not Source.KEPT) + repaired.spoilt
            self.replayed += operations
            log.warning(
                "collection %s (%s): its index comes from %s; replaying %d operations",
                *(index.name, index.collection, repaired.source.value, operations),
            )
            if index.dimension and not await self._answers(child, index) and repaired.source is not Source.QUEUE:
                failed.append(index)
        if not failed:
            log.warning("all indices are there again")
        return failed

    async def _answers(self, child: Child, index: Index) -> bool:
        """Asks a collection: a query replays its queue without holding up the others."""
        path = f"/api/v2/tenants/{index.tenant}/databases/{index.database}/collections/{index.collection}/query"
        vector = [1.0] + [0.0] * ((index.dimension or 1) - 1)
        body = json.dumps({"query_embeddings": [vector], "n_results": 1, "include": []}).encode()
        try:
            reply = await child.client.request("POST", path, body)
        except UpstreamLost as lost:
            self._trust = False
            raise ChildFailed(f"the engine died in its recovery of {index.name}: {lost}") from None
        if not reply.ok:
            log.error("collection %s does not answer after its repair: %s", index.name, reply.body.decode())
        return reply.ok


async def _in_thread(function: Callable[[], T]) -> T:
    """Runs what changes files off the event loop; who gives up waiting leaves only when it has ended."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
