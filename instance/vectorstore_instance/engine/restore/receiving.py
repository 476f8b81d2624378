"""An archive's way into a folder beside the store: looked at before anything is written, proven byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from vectorstore_instance.archive import Archive, ArchiveError, Manifest, NewerFormat, Stream
from vectorstore_instance.core.errors import ApiError, because, invalid, no_room
from vectorstore_instance.engine import staging, stamp
from vectorstore_instance.engine.manifest import write_synced
from vectorstore_instance.settings import Settings


class Body(Stream, Protocol):
    """An archive on its way to here."""

    def close(self) -> None:
        """Has a read that waits for more fail, and every later one."""
        ...


@dataclass(frozen=True)
class Received:
    """An archive that is here."""

    manifest: Manifest
    folder: Path
    digest: str
    """Of its manifest: which archive it is."""

    def told(self) -> dict[str, Any]:
        """Where a store's data come from, for its record."""
        return {
            "archive": self.digest,
            "taken": self.manifest.taken.isoformat(),
            "store": self.manifest.store,
            "tenant": self.manifest.tenant,
            "sequence": self.manifest.sequence,
            "restored": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }


class Receiving:
    """One archive that is being received."""

    def __init__(self, settings: Settings, spare: Callable[[], int], stream: Body) -> None:
        """
        Args:
            settings: of the instance.
            spare: bytes that may be written into its folder.
            stream: the archive, read in a thread.
        """
        self._settings = settings
        self._spare = spare
        self._stream = stream
        self.bytes = 0
        """Bytes of the archive that have come."""

    async def receive(self) -> Received:
        """Unpacks the archive; given up, it is left when nobody reads it any more.

        Raises:
            ApiError: 400 it cannot be relied on, or is another model's; 507 there is no room.
            OSError: it cannot be written.
        """
        unpacking = asyncio.create_task(asyncio.to_thread(self._unpack))
        try:
            return await asyncio.shield(unpacking)
        except ArchiveError as problem:
            raise unreliable(problem) from None
        except asyncio.CancelledError:
            self._stream.close()
            await asyncio.wait([unpacking])
            raise

    def read(self, size: int, /) -> bytes:
        """The next bytes, which are counted."""
        block = self._stream.read(size)
        self.bytes += len(block)
        return block

    def _unpack(self) -> Received:
        archive = Archive(self)
        self._check(archive.manifest)
        data = staging.begin(self._settings.data_dir)
        archive.extract(data)
        write_synced(data / stamp.FILE, msgspec.json.encode(stamp.of(self._settings)))
        return Received(archive.manifest, data, archive.digest)

    def _check(self, manifest: Manifest) -> None:
        """
        Raises:
            ApiError: the archive is of another model, or there is no room for it.
        """
        then, now = manifest.embedding, stamp.of(self._settings)
        for name in ("model", "dimension", "precision"):
            theirs, ours = getattr(then, name), getattr(now, name)
            if theirs != ours:
                refusal = invalid(
                    f"archive: its {name} is {theirs} and this store's {ours}, whose vectors do not compare; "
                    "restore it into a store with the model, dimension and precision of the archive"
                )
                raise because("WrongModel", refusal)
        if (spare := self._spare()) < manifest.bytes:
            refusal = no_room(
                f"archive: it takes {manifest.bytes} bytes, and {spare} can be spared; have the store's volume enlarged"
            )
            raise because("DiskFull", refusal)


def unreliable(problem: ArchiveError) -> ApiError:
    """The refusal of what cannot be read to its end as an archive."""
    reason = "NewerFormat" if isinstance(problem, NewerFormat) else "Corrupt"
    return because(reason, invalid(f"archive: {problem}"))
