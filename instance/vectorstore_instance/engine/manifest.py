"""What a folder of index files held when it was last known to be good: names, sizes, checksums.

Chroma's own checks pass over a block of zeros in its largest file, and 8 % of the answers are wrong.
CRC-32 is computed at 4 GB/s, faster than the files are read, so every file can be proven at every start.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec

_BLOCK = 1 << 20


class File(msgspec.Struct, frozen=True):
    """One file, as it was."""

    size: int
    mtime: int
    """Nanoseconds; only to know which files need not be read again, never a proof."""
    crc: int

    def untouched(self, path: Path) -> bool:
        """Whether nobody has written to the file since."""
        found = path.stat()
        return (found.st_size, found.st_mtime_ns) == (self.size, self.mtime)


class Manifest(msgspec.Struct, frozen=True):
    """One segment's folder, as it was."""

    position: int | None
    """The last operation of the queue that these files hold; None: they hold none."""
    files: dict[str, File]

    def holds(self, folder: Path) -> bool:
        """Whether the folder has these files and no others, every byte as it was."""
        try:
            if set(os.listdir(folder)) != set(self.files):
                return False
            paths = {folder / name: file for name, file in self.files.items()}
            return all(path.stat().st_size == file.size for path, file in paths.items()) and all(
                checksum(path) == file.crc for path, file in paths.items()
            )
        except OSError:  # gone, or not readable any more
            return False

    def untouched(self, folder: Path) -> bool:
        """Whether nobody has written into the folder since; costs a look at each file's age."""
        try:
            return set(os.listdir(folder)) == set(self.files) and all(
                file.untouched(folder / name) for name, file in self.files.items()
            )
        except OSError:
            return False


def describe(folder: Path, position: int | None) -> Manifest:
    """Syncs the files of a folder that nobody writes to, and states what they hold."""
    files = {}
    for path in sorted(folder.iterdir()):
        sync(path)
        found = path.stat()
        files[path.name] = File(found.st_size, found.st_mtime_ns, checksum(path))
    sync(folder)
    return Manifest(position, files)


def checksum(path: Path) -> int:
    """CRC-32 of a file."""
    crc = 0
    with path.open("rb", buffering=0) as file:
        block = memoryview(bytearray(_BLOCK))
        while count := file.readinto(block):
            crc = zlib.crc32(block[:count], crc)
    return crc


def ages(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and age of every file: what changes when somebody writes to them."""
    found = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found]


def copy(source: Path, target: Path) -> None:
    """Copies a folder of files, where the file system can by sharing their blocks."""
    target.mkdir()
    for path in source.iterdir():
        with path.open("rb") as old, (target / path.name).open("wb") as new:
            left = os.fstat(old.fileno()).st_size
            while left > 0 and (count := os.copy_file_range(old.fileno(), new.fileno(), left)):
                left -= count


def write_synced(path: Path, text: bytes) -> None:
    """Writes a file that is there whole or not at all, whenever the power goes."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(text)
    sync(new)
    new.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Returns when a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
