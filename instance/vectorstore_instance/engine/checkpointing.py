"""When checkpoints are taken: before the replay after a crash would take longer than it may.

What a crash now would have to replay is known from the queue: the operations of a collection after
those that its checkpoint holds, or after those its files hold while nobody has written to them since
the engine started. When that exceeds a share of the recovery budget, the collection whose files are
furthest ahead of their checkpoint is copied. A collection's writes wait while its files are copied,
so that none of them makes the engine write the files meanwhile; syncing and proving the copy comes after.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from vectorstore_instance.engine import positions
from vectorstore_instance.engine.child import Child
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.lane import Pause
from vectorstore_instance.engine.manifest import ages
from vectorstore_instance.engine.positions import BUCKET, Index

log = logging.getLogger(__name__)

OPERATION_SECONDS = 0.002
"""What the replay of one operation takes at most: at 384 dimensions 0.6 ms at 10,000 documents, 1.8 at 100,000."""
SHARE = 0.5
"""Of the recovery budget, for replaying; the rest is for proving, copying and slower machines."""
WORTH = 1000
"""Operations that a checkpoint must save at least: they are replayed faster than a large index is copied."""
LOOK_SECONDS = 5.0
"""How often it is looked whether one is due; more often only where the budget is shorter than ten looks."""
TRIES = 3
"""How often files are copied, at most, that the engine changes meanwhile."""
SLACK = 64 << 20
"""Bytes that must stay free on the disk beside room for two more indices of the size that is copied."""


class Checkpointing:
    """Takes the checkpoints of one instance."""

    def __init__(
        self,
        disk: Disk,
        running: Callable[[], Child | None],
        between: Callable[[str, Pause], Awaitable[None]],
        recovery_seconds: float,
    ) -> None:
        """
        Args:
            disk: the folder.
            running: the child, where there is one that can be relied on.
            between: does something between the writes of a collection.
            recovery_seconds: how long a recovery may take.
        """
        self._disk = disk
        self._running = running
        self._between = between
        self._most = recovery_seconds * SHARE / OPERATION_SECONDS
        self._worth = min(WORTH, self._most / 2)
        self._every = min(LOOK_SECONDS, recovery_seconds / 10)
        self._backlog = Backlog()
        self._looking = asyncio.Lock()
        self._seen: Child | None = None
        self._born_at = 0
        """The newest operation when the present child was first seen."""
        self.unindexed = 0
        """Operations that a crash would have replayed when it was last looked."""
        self.taken = 0
        """How many checkpoints were taken."""

    async def run(self) -> None:
        """Looks again and again, for as long as the engine is there."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.look()
            except Exception:  # the next look may go better; without checkpoints nothing is lost but time
                log.exception("no checkpoint could be taken")

    async def look(self) -> None:
        """Takes the checkpoints that are due, one after another."""
        async with self._looking:
            child = self._running()
            if child is None:
                return
            for index in await asyncio.to_thread(self._due, child):
                self.taken += await self._take(index, child)

    async def everything(self, told: Callable[[int, int], None]) -> list[str]:
        """Takes a checkpoint of every collection whose files are ahead of theirs, whatever a crash would cost now.

        While the engine sleeps there is nothing to do: its files are sealed.

        Args:
            told: how many collections are done, and of how many.

        Returns:
            Names of the collections whose files could not be copied.
        """
        async with self._looking:
            child = self._running()
            if child is None:
                return []
            ahead, left = await asyncio.to_thread(self._ahead), []
            for done, index in enumerate(ahead):
                told(done, len(ahead))
                for _ in range(TRIES):
                    if await self._take(index, child):
                        self.taken += 1
                        break
                else:
                    left.append(index.name)
            told(len(ahead) - len(left), len(ahead))
            return left

    def _ahead(self) -> list[Index]:
        indices = positions.indices(self._disk.tables.path)
        return [one for one in indices if (one.position or 0) > (self._disk.checkpoints.position(one.segment) or 0)]

    def _due(self, child: Child) -> list[Index]:
        """Reads what is new in the queue and returns the indices to copy, the most useful first."""
        database = self._disk.tables.path
        self._backlog.read(database)
        if child is not self._seen:
            self._seen, self._born_at = child, self._backlog.newest
        indices = positions.indices(database)
        self._disk.checkpoints.keep({index.segment for index in indices})
        open_ = {index.segment: self._backlog.after(index.collection, self._base(index)) for index in indices}
        self.unindexed = total = sum(open_.values())
        saved = {i: open_[i.segment] - self._backlog.after(i.collection, i.position or 0) for i in indices}
        due = []
        for index in sorted(indices, key=lambda index: saved[index], reverse=True):
            if total <= self._most or saved[index] < self._worth:
                break
            due.append(index)
            total -= saved[index]
        return due

    def _base(self, index: Index) -> int:
        """The operation after which a recovery would begin."""
        copied = self._disk.checkpoints.position(index.segment) or 0
        if self._backlog.last[index.collection] > self._born_at:  # its files will soon be written to, if not yet
            return copied
        sealed = self._disk.last_seal().get(index.segment)
        if sealed is None or not sealed.untouched(self._disk.index(index.segment)):
            return copied
        return max(copied, sealed.position or 0)

    async def _take(self, index: Index, child: Child) -> bool:
        """Copies one index; False where it was written to meanwhile, or there is no room."""
        position: int | None = None
        waited = 0.0

        async def pause() -> None:
            nonlocal position, waited
            began = time.monotonic()
            if self._running() is child:
                position = await asyncio.to_thread(self._copy, index)
            waited = time.monotonic() - began

        await self._between(index.collection, pause)
        if position is None or self._running() is not child:  # a recovery may have begun to replace the files
            await asyncio.to_thread(self._disk.checkpoints.abandon, index.segment)
            return False
        await asyncio.to_thread(self._disk.checkpoints.complete, index.segment, position)
        self._backlog.forget(index.collection, position)
        log.info(
            "collection %s (%s): a checkpoint was taken at operation %d; writes waited %.2f s",
            *(index.name, index.collection, position, waited),
        )
        return True

    def _copy(self, index: Index) -> int | None:
        """Copies the files and returns their position; None where they are not sure to belong together."""
        database, folder = self._disk.tables.path, self._disk.index(index.segment)
        try:
            before = positions.position(database, index.segment), ages(folder)
            size = sum(size for _, size, _ in before[1])
            if shutil.disk_usage(folder).free < 3 * size + SLACK:
                return None
            self._disk.checkpoints.begin(index.segment, folder)
            after = positions.position(database, index.segment), ages(folder)
        except OSError as problem:
            log.warning("collection %s (%s): no checkpoint: %s", index.name, index.collection, problem)
            return None
        return before[0] if before == after else None


class Backlog:
    """How many operations the queue holds of each collection, and where: read once, then what is new."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.last: dict[str, int] = defaultdict(int)
        """The newest operation of each collection."""
        self.newest = 0
        """The newest operation of all."""

    def read(self, database: Path) -> None:
        """Takes in what came since it was last read; all of it after a reset."""
        if positions.newest(database) < self.newest:
            self._counts.clear()
            self.last.clear()
            self.newest = 0
        for collection, bucket, count, last in positions.operations(database, self.newest):
            self._counts[collection][bucket] += count
            self.last[collection] = max(self.last[collection], last)
        self.newest = max(self.last.values(), default=0)

    def after(self, collection: str, operation: int) -> int:
        """How many operations of a collection come after one, and at most a bucketful before."""
        if self.last[collection] <= operation:
            return 0
        return sum(n for bucket, n in self._counts[collection].items() if bucket >= operation // BUCKET)

    def forget(self, collection: str, operation: int) -> None:
        """Drops what nobody will ask for: how many there are after an earlier operation."""
        old = self._counts[collection]
        kept = {bucket: n for bucket, n in old.items() if bucket >= operation // BUCKET}
        self._counts[collection] = defaultdict(int, kept)
