"""A consistent copy of the running store, made beside it and sent as an archive.

Index files are copied one collection after another, each while its own writes wait; then all writes wait for
the moment in which one transaction of SQLite is opened to be read from. What that transaction sees is the
snapshot: the queue in it holds every operation, so it does not matter that the index copies are a little
older. Everything else is done from the copy while writes go on: the backup of the tables, the checksums, the
questions with their exact answers. Nothing of it needs the engine, so a sleeping one sleeps on.

The copy lies in `DATA_DIR/snapshot` for as long as it is sent; the next start removes what a kill has left.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from vectorstore_instance.archive import Manifest
from vectorstore_instance.core.errors import conflict, no_room
from vectorstore_instance.engine.disk import Disk, is_full
from vectorstore_instance.engine.ending import to_its_end
from vectorstore_instance.engine.pressure import Pressure
from vectorstore_instance.engine.recovery import Recovery
from vectorstore_instance.engine.sizes import SNAPSHOT, folder_bytes
from vectorstore_instance.engine.snapshot.copying import CopyDocuments, Copying
from vectorstore_instance.engine.writes import Writes
from vectorstore_instance.settings import Settings

__all__ = ["CopyDocuments", "Snapshots", "Taken"]

log = logging.getLogger(__name__)

AGAIN_SECONDS = 10
"""After which one who is refused may ask again."""


@dataclass(frozen=True)
class Taken:
    """A snapshot: files that nobody changes, and what they hold."""

    manifest: Manifest
    folder: Path


class Snapshots:
    """Takes the snapshots of one instance, one at a time."""

    def __init__(self, settings: Settings, disk: Disk, writes: Writes, pressure: Pressure, recovery: Recovery) -> None:
        self._settings = settings
        self._disk = disk
        self._writes = writes
        self._pressure = pressure
        self._recovery = recovery
        self._under_way = False

    @asynccontextmanager
    async def taken(self, store: str, documents: CopyDocuments) -> AsyncIterator[Taken]:
        """A snapshot, there for as long as the context is.

        Args:
            store: which store it is, in the words of whoever asks.
            documents: copies the ledger of documents, with the uploads that it names, into a folder.

        Raises:
            ApiError: 409 while another is being taken or sent, 507 where there is no room; nothing was written.
        """
        if self._under_way:
            raise conflict("snapshot: one is being taken or sent already; try again when it has ended", AGAIN_SECONDS)
        self._under_way = True
        folder = self._disk.folder / SNAPSHOT
        try:
            await self._make_room(folder)
            yield await self._take(folder, store, documents)
        except OSError as problem:
            if not is_full(problem):
                raise
            raise no_room(f"snapshot: the disk became full ({problem}); have the store's volume enlarged") from None
        finally:
            await to_its_end(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
            self._under_way = False

    async def _make_room(self, folder: Path) -> None:
        needed = await asyncio.to_thread(_bytes, self._disk)
        spare = self._pressure.spare()
        if spare < needed:
            raise no_room(
                f"snapshot: it takes up to {needed} bytes beside the store's files while it is sent, and {spare} can "
                "be spared; delete collections or have the store's volume enlarged"
            )
        await asyncio.to_thread(folder.mkdir)

    async def _take(self, folder: Path, store: str, documents: CopyDocuments) -> Taken:
        from vectorstore_instance.engine.snapshot.describing import describe  # numpy: 20 MiB for who is never asked

        began = time.monotonic()
        copy = await Copying(self._disk, self._writes, folder).copy(documents)
        manifest = await to_its_end(
            asyncio.to_thread(describe, self._settings, folder, copy, store, frozenset(self._recovery.apart))
        )
        log.info(
            "snapshot: taken at operation %d in %.2f s, %d files of %d bytes; writes waited %.3f s at most",
            *(manifest.sequence, time.monotonic() - began, len(manifest.files), manifest.bytes, manifest.pause),
        )
        return Taken(manifest, folder)


def _bytes(disk: Disk) -> int:
    """What a snapshot takes at most, with what SQLite writes beside while it is made."""
    tables = sum(path.stat().st_size for path in disk.folder.glob(f"{disk.tables.path.name}*"))
    indices = sum(map(folder_bytes, disk.segment_folders()))
    return tables + indices + folder_bytes(disk.folder / "documents")
