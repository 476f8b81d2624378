"""What maintenance could give back: free pages, superseded operations, slots of deleted rows, orphan folders.

Counting superseded operations means to read the queue (some seconds at a million rows), so that is done
again only when the queue has grown by a tenth since; all else is a matter of milliseconds, and of none
while nobody writes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from vectorstore_instance.engine import changes, positions
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.maintenance.header import read_header
from vectorstore_instance.engine.maintenance.leftovers import orphan_folders
from vectorstore_instance.engine.sizes import folder_bytes

FRESH_SECONDS = 30.0
"""For so long the same answer is given again."""
GROWN = 10
"""The queue is read again when it has grown by one part in so many."""


@dataclass(frozen=True)
class Slots:
    """How full one index is."""

    collection: str
    slots: int
    deleted: int
    """Slots of rows there are no more."""
    bytes: int
    """What the deleted ones take."""


@dataclass(frozen=True)
class Waste:
    """What is stored and is of no use."""

    database: int
    """Bytes of the database."""
    free: int
    """Bytes of its pages that hold nothing: a vacuum gives them back."""
    operations: int
    """Operations in the queue."""
    superseded: int
    """Those of them that later ones made void: compaction takes them out."""
    superseded_bytes: int
    indices: tuple[Slots, ...]
    """A rebuild gives back what their deleted slots take."""
    orphans: int
    """Bytes of folders that no collection has any more."""

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.free + self.superseded_bytes + sum(index.bytes for index in self.indices) + self.orphans


class Reclaimable:
    """The waste of one instance, looked at when it is asked for."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._lock = threading.Lock()
        self._looking: asyncio.Task[Waste] | None = None
        self._waste: Waste | None = None
        self._looked = 0.0
        self._seen: tuple[int, ...] = ()
        """Ages and sizes of the database's files when they were looked at."""
        self._newest = -1
        """The last operation when the queue was read."""
        self._queue = (0, 0, 0)
        """Operations, superseded ones, bytes of those: as they were then."""

    def forget(self) -> None:
        """Has everything looked at anew: maintenance changed it, or a collection was dropped."""
        self._newest, self._looked, self._seen = -1, 0.0, ()

    async def latest(self) -> Waste:
        """What there was when it was last looked; once that is stale, a look begins beside the answer."""
        if self._looking is None or (self._looking.done() and self._stale()):
            self._looking = asyncio.create_task(asyncio.to_thread(self.look))
        if self._waste is None:
            return await asyncio.shield(self._looking)
        return self._waste

    def look(self) -> Waste:
        """What there is; takes milliseconds, or reads the queue: not for the event loop."""
        with self._lock:
            if self._waste is None or self._stale():
                self._looked = time.monotonic()
                if self._waste is None or self._seen != self._files():
                    self._waste = self._measure()
                    self._seen = self._files()
            return self._waste

    def _stale(self) -> bool:
        return time.monotonic() - self._looked > FRESH_SECONDS

    def _files(self) -> tuple[int, ...]:
        database = self._disk.tables.path
        found = [path.stat() for path in (database, Path(f"{database}-wal")) if path.exists()]
        return tuple(number for one in found for number in (one.st_mtime_ns, one.st_size))

    def _measure(self) -> Waste:
        with changes.writing(self._disk.tables.path) as db:
            newest = changes.newest_operation(db)
            if self._newest < 0 or newest - self._newest > self._queue[0] // GROWN or newest < self._newest:
                self._newest, self._queue = newest, changes.queue_sizes(db)
            free = changes.free_bytes(db)
            used = changes.used_bytes(db)
        operations, superseded, superseded_bytes = self._queue
        return Waste(
            database=free + used,
            free=free,
            operations=operations,
            superseded=superseded,
            superseded_bytes=superseded_bytes,
            indices=tuple(self._indices()),
            orphans=sum(map(folder_bytes, orphan_folders(self._disk))),
        )

    def _indices(self) -> list[Slots]:
        documents = self._disk.tables.documents()
        found = []
        for index in positions.indices(self._disk.tables.path):
            folder = self._disk.index(index.segment)
            header = read_header(folder)
            if header is not None and header.slots:
                deleted = max(0, header.slots - documents.get(index.collection, 0))
                found.append(
                    Slots(index.collection, header.slots, deleted, folder_bytes(folder) * deleted // header.slots)
                )
        return found
