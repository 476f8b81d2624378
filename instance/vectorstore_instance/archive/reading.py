"""An archive from a stream that nobody vouches for: every byte is held against what was said of it before.

The members must be those of the manifest in its order, so there is no name, link, size or number of them
that a hostile archive could choose. What unpacks to more than was said, or was cut off, is refused where
that shows; nothing read may be relied on before the end, where `complete.json` and zstd's own checksum
stand for the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from vectorstore_instance.archive.manifest import COMPLETE, FORMAT, MANIFEST, MANIFEST_BYTES, File, Manifest
from vectorstore_instance.archive.unpacked import ArchiveError, Unpacked

_COMPLETE_BYTES = 4096
_PADDING = 64 << 10
"""Zeros that may follow the last member: tar ends with two blocks of them, and other writers fill a record."""


class Stream(Protocol):
    """Where an archive comes from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


class NewerFormat(ArchiveError):
    """A format that only a newer release reads."""


class Archive:
    """An archive whose manifest was read, and whose files come next."""

    def __init__(self, stream: Stream) -> None:
        """Reads the manifest.

        Raises:
            NewerFormat: of the archive.
            ArchiveError: this is no archive, a damaged one, or one of another make; says why and what to do.
        """
        self._source = Unpacked(stream)
        told = self._read(MANIFEST, MANIFEST_BYTES)
        self.manifest = _manifest(told)
        self.digest = hashlib.sha256(told).hexdigest()
        """SHA-256 of the manifest: which archive it is."""

    def verify(self) -> None:
        """Reads to the end and proves every byte; keeps none.

        Raises:
            ArchiveError: damaged, cut off, or not what its manifest says.
        """
        self._files(lambda file, blocks: sum(map(len, blocks)))

    def extract(self, folder: Path) -> None:
        """Writes its files, synced, into an empty folder, and proves every byte.

        Raises:
            ArchiveError: damaged, cut off, or not what its manifest says; the files written so far are of no use.
            OSError: they cannot be written.
        """

        def write(file: File, blocks: Iterator[bytes]) -> None:
            path = folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as target:
                for block in blocks:
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())

        self._files(write)

    def _files(self, take: Callable[[File, Iterator[bytes]], object]) -> None:
        """Gives out each file, held against its checksum, and proves the end."""
        for file in self.manifest.files:
            self._expect(file.name, lambda size, file=file: size == file.size)  # type: ignore[misc]
            found = hashlib.sha256()
            take(file, self._blocks(file, found.update))
            if found.hexdigest() != file.sha256:
                raise ArchiveError(f"{file.name}: its bytes are not those that were archived; take another archive")
        end = self._read(COMPLETE, _COMPLETE_BYTES)
        if _json(end, COMPLETE).get("manifest") != self.digest:
            raise ArchiveError(f"{COMPLETE}: it belongs to another manifest; take another archive")
        self._source.end(2 * tarfile.BLOCKSIZE, _PADDING)

    def _blocks(self, file: File, seen: Callable[[bytes], None]) -> Iterator[bytes]:
        for block in self._source.blocks(file.size):
            seen(block)
            yield block
        self._pad(file.size)

    def _read(self, name: str, most: int) -> bytes:
        size = self._expect(name, lambda size: size <= most)
        content = b"".join(self._source.blocks(size))
        self._pad(size)
        return content

    def _expect(self, name: str, fits: Callable[[int], bool]) -> int:
        """Reads a header; returns the size it says.

        Raises:
            ArchiveError: it is not that of a plain file of this name and a fitting size.
        """
        header = b"".join(self._source.blocks(tarfile.BLOCKSIZE))
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as problem:
            raise ArchiveError(f"{name} was expected, and there is no tar header of it ({problem})") from None
        if member.type != tarfile.REGTYPE or member.name != name:
            raise ArchiveError(
                f"{name} was expected, and {member.name[:100]!r} comes (type {member.type!r}); "
                "it is no archive of a store, or was altered"
            )
        if not fits(member.size):
            raise ArchiveError(f"{name}: it is said to have {member.size} bytes, which is not what it may have")
        return member.size

    def _pad(self, size: int) -> None:
        if any(b"".join(self._source.blocks(-size % tarfile.BLOCKSIZE))):
            raise ArchiveError("there is something between two members; the archive was altered")


def _manifest(told: bytes) -> Manifest:
    format_ = _json(told, MANIFEST).get("format")
    if isinstance(format_, int) and format_ > FORMAT:
        raise NewerFormat(
            f"format: {format_}, and this release reads up to {FORMAT}; restore it with the release that wrote it"
        )
    try:
        return Manifest.model_validate_json(told)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArchiveError(f"{MANIFEST}: {where}: {first['msg']}, not {repr(first['input'])[:100]}") from None


def _json(told: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(told)
    except (ValueError, RecursionError) as problem:
        raise ArchiveError(f"{name}: {problem}; it is no archive of a store, or damaged") from None
    if not isinstance(found, dict):
        raise ArchiveError(f"{name}: not a JSON object; it is no archive of a store, or damaged")
    return found
