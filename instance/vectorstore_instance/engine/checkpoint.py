"""Copies of index folders, each with the position it was at and a manifest: what recovery begins from.

A checkpoint shortens the replay of the queue, which alone holds everything. So one that does not
verify costs time, never data. At most one per segment is kept, beside the one that is being made:
its folder's name ends with the position, it is renamed into place when every byte is on the disk,
and only then does its predecessor go.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from vectorstore_instance.engine.manifest import Manifest, copy, describe, sync, write_synced

_MANIFEST = "manifest.json"
_FILES = "files"
_UNFINISHED = ".new"


class Checkpoints:
    """The checkpoints of one instance."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, segment: str, source: Path) -> None:
        """Copies a folder that nobody writes to meanwhile.

        Raises:
            OSError: it is gone, or there is no room.
        """
        self._folder.mkdir(exist_ok=True)
        target = self._folder / (segment + _UNFINISHED)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        copy(source, target / _FILES)

    def complete(self, segment: str, position: int) -> None:
        """Makes the copy that was begun the one that counts.

        Args:
            segment: whose folder was copied.
            position: the last operation that the copied files hold.

        Raises:
            OSError: it could not be written.
        """
        new = self._folder / (segment + _UNFINISHED)
        write_synced(new / _MANIFEST, msgspec.json.encode(describe(new / _FILES, position)))
        old = self._of(segment)
        new.rename(self._folder / f"{segment}.{position}")
        sync(self._folder)
        for path in old:
            shutil.rmtree(path, ignore_errors=True)

    def abandon(self, segment: str) -> None:
        """Removes a copy that was begun and cannot be used."""
        shutil.rmtree(self._folder / (segment + _UNFINISHED), ignore_errors=True)

    def position(self, segment: str) -> int | None:
        """The last operation that the segment's checkpoint holds; None where it has none."""
        return max((int(path.suffix[1:]) for path in self._of(segment)), default=None)

    def put_back(self, segment: str, target: Path) -> int | None:
        """Makes a folder from the segment's checkpoint, and proves the result.

        Returns:
            The position of the files; None, and no folder, where the checkpoint is not whole.
        """
        for path in sorted(self._of(segment), key=lambda path: int(path.suffix[1:]), reverse=True):
            try:
                manifest = msgspec.json.decode((path / _MANIFEST).read_bytes(), type=Manifest)
                copy(path / _FILES, target)
            except (OSError, msgspec.MsgspecError):
                shutil.rmtree(target, ignore_errors=True)
                continue
            if manifest.holds(target):
                return manifest.position
            shutil.rmtree(target)
        return None

    def link(self, segment: str, target: Path) -> int | None:
        """Makes a folder of links to the segment's checkpoint, whose files nobody ever writes to, and proves it.

        Returns:
            The position of the files; None, and no folder, where there is none that is whole.
        """
        with suppress(OSError, ValueError, msgspec.MsgspecError):  # another may take its place at any moment
            newest = max(self._of(segment), key=lambda path: int(path.suffix[1:]))
            manifest = msgspec.json.decode((newest / _MANIFEST).read_bytes(), type=Manifest)
            target.mkdir()
            for path in (newest / _FILES).iterdir():
                os.link(path, target / path.name)
            if manifest.holds(target):
                return manifest.position
        shutil.rmtree(target, ignore_errors=True)
        return None

    def drop(self, segment: str) -> None:
        """Removes a segment's checkpoint."""
        for path in self._of(segment):
            shutil.rmtree(path, ignore_errors=True)

    def keep(self, segments: Collection[str]) -> None:
        """Removes what belongs to none of these segments, and what was left unfinished."""
        for path in self._folder.glob("*.*"):
            if path.stem not in segments or path.suffix == _UNFINISHED:
                shutil.rmtree(path, ignore_errors=True)

    def _of(self, segment: str) -> list[Path]:
        return [path for path in self._folder.glob(f"{segment}.*") if path.suffix[1:].isdecimal()]
