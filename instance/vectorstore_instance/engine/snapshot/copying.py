"""What is copied beside the running engine: the only part of a snapshot that a write may have to wait for."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vectorstore_instance.archive.manifest import DATABASE
from vectorstore_instance.engine import living, positions
from vectorstore_instance.engine.changes import newest_operation
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.ending import to_its_end
from vectorstore_instance.engine.manifest import ages, copy
from vectorstore_instance.engine.positions import Index
from vectorstore_instance.engine.writes import Writes

log = logging.getLogger(__name__)

CopyDocuments = Callable[[Path], Coroutine[Any, Any, None]]
"""Copies the documents' ledger and uploads into a folder that is to be made, where there are any."""

FEW = 200
"""Operations after a checkpoint that a restore may have to replay, so that nothing need be copied: half a second."""


@dataclass(frozen=True)
class Copy:
    """What was copied."""

    taken: datetime
    sequence: int
    """The last operation in it."""
    pause: float
    """Seconds for which a write waited at most."""


class Copying:
    """One copy of a store into an empty folder."""

    def __init__(self, disk: Disk, writes: Writes, folder: Path) -> None:
        self._disk = disk
        self._writes = writes
        self._folder = folder
        self._pause = 0.0

    async def copy(self, documents: CopyDocuments) -> Copy:
        """Copies everything; what it leaves is a folder that the engine could work on."""
        copied = {}
        for index in await asyncio.to_thread(positions.indices, self._disk.tables.path):
            copied[index.segment] = await self._index(index)
        with closing(_reading(self._disk.tables.path)) as db:
            began = time.monotonic()
            async with self._writes.parked():
                sequence = await to_its_end(asyncio.to_thread(_pin, db))
                taken = datetime.now(UTC)
                await to_its_end(documents(self._folder / "documents"))  # at this moment: the two belong together
            self._waited(began)
            await to_its_end(asyncio.to_thread(self._tables, db, copied))
        return Copy(taken, sequence, self._pause)

    async def _index(self, index: Index) -> int | None:
        """Copies a collection's index files; returns their position, None where there are none to be had."""
        target = self._folder / index.segment
        linked = await to_its_end(asyncio.to_thread(self._link, index, target))
        if linked is not None:
            return linked
        position: int | None = None

        async def pause() -> None:
            nonlocal position
            began = time.monotonic()
            position = await to_its_end(asyncio.to_thread(self._copy_files, index, target))
            self._waited(began)

        await self._writes.between(index.collection, pause)
        return position

    def _link(self, index: Index, target: Path) -> int | None:
        """Links a checkpoint that is almost as new as the files: nobody ever writes to it."""
        position = self._disk.checkpoints.position(index.segment)
        if position is None or living.after(self._disk.tables.path, index.collection, position) > FEW:
            return None
        return self._disk.checkpoints.link(index.segment, target)

    def _copy_files(self, index: Index, target: Path) -> int | None:
        """Copies files that no write changes meanwhile; a query that wakes the engine might, which shows."""
        source, tables = self._disk.index(index.segment), self._disk.tables.path
        try:
            before = positions.position(tables, index.segment), ages(source)
            copy(source, target)
            if before[0] is not None and before == (positions.position(tables, index.segment), ages(source)):
                return before[0]
        except FileNotFoundError:  # it has none yet, or was dropped
            pass
        shutil.rmtree(target, ignore_errors=True)  # the queue, from which a restore then makes them, has it all
        return None

    def _tables(self, source: sqlite3.Connection, copied: dict[str, int | None]) -> None:
        """Copies the tables as they were when they were pinned, and has them say where the index copies are."""
        path = self._folder / DATABASE
        with closing(sqlite3.connect(path)) as target:
            target.execute("pragma synchronous = off")  # it is not meant to outlive this process
            source.backup(target)
        source.rollback()
        there = {index.segment for index in positions.indices(path)}
        positions.put(path, {segment: copied.get(segment) for segment in there})
        with closing(sqlite3.connect(path)) as target:
            target.execute("pragma journal_mode = delete")  # one file, without a log beside it
        for segment in copied.keys() - there:
            shutil.rmtree(self._folder / segment, ignore_errors=True)

    def _waited(self, since: float) -> None:
        self._pause = max(self._pause, time.monotonic() - since)


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


def _pin(db: sqlite3.Connection) -> int:
    """Opens the transaction whose view is the snapshot's; returns the last operation in it."""
    db.execute("begin")
    return newest_operation(db)
