"""The folder of one instance, and what makes its files worth trusting.

Chroma 1.5.9 rewrites its index files in place and never syncs them: a kill in the middle leaves a
collection that cannot be opened, or one that opens and answers wrongly. SQLite it does sync. So the
queue in SQLite is told to keep every operation with its vector, and index folders are trusted only
after a stop in order, witnessed by a marker that was synced after them. After any other end they are
dropped, and the engine makes them again from the queue, to which every acknowledged write belongs.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from vectorstore_instance.engine.tables import Tables, UnknownSchema


class DiskError(Exception):
    """The folder cannot be used; the message says why and what to do."""


class Disk:
    """One instance's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = Tables(folder / "chroma.sqlite3")
        self._clean = folder / "clean"
        self._format = folder / "format.json"
        self.lock = -1
        """Descriptor of the folder's lock."""

    def acquire(self) -> None:
        """Takes the folder for this process alone; the engine inherits the lock.

        Raises:
            DiskError: another instance has it, or it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DiskError(f"DATA_DIR: another instance is running on {self.folder}; stop it first") from None
        except OSError as problem:
            raise DiskError(f"DATA_DIR: {self.folder}: {problem.strerror}") from None

    def release(self) -> None:
        """Gives the folder back."""
        self.tables.close()
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    @property
    def primed(self) -> bool:
        """Whether the files are there and prepared by us; else the engine must make them first.

        Raises:
            DiskError: there is data that did not come about here.
        """
        if self._format.exists():
            return True
        if self.tables.path.exists() and not self.tables.is_empty():
            raise DiskError(
                f"DATA_DIR: {self.folder} holds a Chroma database that was not made here, whose vectors may be "
                "in no queue any more; give an empty folder and write the data again"
            )
        return False

    @property
    def clean(self) -> bool:
        """Whether the engine ended in order."""
        return self._clean.exists()

    def prepare(self) -> bool:
        """Brings the files, of which the engine has let go, into the state it may start on.

        Returns:
            Whether index folders were dropped: collections must be asked once before they are relied on.

        Raises:
            DiskError: the schema is not one this version knows.
        """
        rebuild = self._format.exists() and not self.clean
        if rebuild:
            for folder in self._segment_folders():
                shutil.rmtree(folder)
        try:
            self.tables.prepare(rebuild=rebuild)
        except UnknownSchema as problem:
            raise DiskError(f"DATA_DIR: {self.folder}: {problem}; this version cannot open it") from None
        if not self._format.exists():
            _write_synced(self._format, json.dumps({"format": 1}))
        self._clean.unlink(missing_ok=True)
        _sync(self.folder)
        return rebuild

    def mark_clean(self) -> None:
        """Witnesses that the engine ended in order: index folders first, then the marker, are synced."""
        for folder in self._segment_folders():
            for file in folder.iterdir():
                _sync(file)
            _sync(folder)
        _write_synced(self._clean, "")

    def bytes(self) -> int:
        """Bytes the files take."""
        total = 0
        for file in self.folder.rglob("*"):
            with suppress(FileNotFoundError):  # the engine removes files while we look
                total += file.lstat().st_blocks * 512
        return total

    def _segment_folders(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.is_dir() and len(path.name) == 36]


def _write_synced(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    _sync(new)
    new.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
