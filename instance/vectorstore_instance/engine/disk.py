"""The folder of one instance, and what makes its files worth trusting.

Chroma 1.5.9 rewrites its index files in place and never syncs them: a kill in the middle leaves a
collection that cannot be opened, or one that opens and answers wrongly. SQLite it does sync. So the
queue in SQLite is told to keep the operations of every row with their vectors, and index files are
trusted only as far as a manifest proves them. The seal holds one for each folder: it is made, synced
after them, when the engine has ended in order, and broken before the engine is started again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from pathlib import Path

import msgspec

from vectorstore_instance.engine import changes, positions, staging
from vectorstore_instance.engine.checkpoint import Checkpoints
from vectorstore_instance.engine.manifest import Manifest, describe, sync, write_synced
from vectorstore_instance.engine.positions import Index
from vectorstore_instance.engine.sizes import folder_bytes
from vectorstore_instance.engine.tables import Tables

_FORMAT = b'{"format": 1}'


class DiskError(Exception):
    """The folder cannot be used; the message says why and what to do."""


class NoRoom(DiskError):
    """The volume is too full to work on."""


def is_full(problem: OSError | sqlite3.Error) -> bool:
    """Whether something failed because there was no room."""
    if isinstance(problem, sqlite3.Error):
        return getattr(problem, "sqlite_errorcode", 0) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)


class Disk:
    """One instance's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = Tables(folder / "chroma.sqlite3")
        self.checkpoints = Checkpoints(folder / "checkpoints")
        self._seal = folder / "clean"
        self._broken = folder / "opened"
        self._format = folder / "format.json"
        self.lock = -1
        """Descriptor of the folder's lock."""

    def acquire(self) -> None:
        """Takes the folder for this process alone; the engine inherits the lock.

        Raises:
            DiskError: another instance has it, or it cannot be written.
        """
        if self.lock >= 0:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            staging.settle(self.folder)
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
    def untouched(self) -> bool:
        """Whether there never was a store in the folder."""
        return not self._format.exists() and not self.tables.path.exists()

    @property
    def primed(self) -> bool:
        """Whether the files are there and prepared by us; else the engine must make them first.

        Raises:
            DiskError: there is data that did not come about here.
        """
        if self._format.exists():
            return True
        if not self.empty:
            raise DiskError(
                f"DATA_DIR: {self.folder} holds a Chroma database that was not made here, whose vectors may be "
                "in no queue any more; give an empty folder and write the data again"
            )
        return False

    @property
    def empty(self) -> bool:
        """Whether there is no collection, or not even tables for one."""
        return not self.tables.path.exists() or self.tables.is_empty()

    @property
    def clean(self) -> bool:
        """Whether the engine ended in order."""
        return self._seal.exists() or not self._format.exists()

    def open(self) -> None:
        """Breaks the seal and brings the tables into the state the engine may start on.

        Raises:
            DiskError: the schema is not one this version knows.
        """
        try:
            changes.prepare(self.tables.path)
        except changes.UnknownSchema as problem:
            raise DiskError(
                f"DATA_DIR: {self.folder}: {problem}; this version cannot open it; run the one that wrote it"
            ) from None
        if not self._format.exists():
            write_synced(self._format, _FORMAT)
        self.unseal()

    def unseal(self) -> None:
        """Breaks the seal: until the next, index files are trusted only as far as they prove themselves."""
        if self._seal.exists():
            self._seal.replace(self._broken)
            sync(self.folder)

    def adopt(self) -> None:
        """Takes a folder in that an archive was unpacked into.

        It is like one after a bad end: index files that a seal proves, and a queue with whatever they lack.
        """
        write_synced(self._format, _FORMAT)
        made = {}
        for index in positions.indices(self.tables.path):
            if index.position is not None and self.index(index.segment).exists():
                made[index.segment] = describe(self.index(index.segment), index.position)
        write_synced(self._broken, msgspec.json.encode(made))

    def seal(self) -> None:
        """Witnesses that the engine ended in order: every index file is synced and described.

        Files that nobody wrote to since the last seal keep their old description: bytes that changed by
        themselves meanwhile are found at the next start, not vouched for.
        """
        last = self.last_seal()
        made = {}
        for index in positions.indices(self.tables.path):
            folder = self.index(index.segment)
            old = last.get(index.segment)
            if old is not None and old.position == index.position and old.untouched(folder):
                made[index.segment] = old
            elif folder.exists():
                made[index.segment] = describe(folder, index.position)
        write_synced(self._seal, msgspec.json.encode(made))

    def last_seal(self) -> dict[str, Manifest]:
        """What each segment's folder held when the engine was last started after an end in order."""
        try:
            return msgspec.json.decode(self._broken.read_bytes(), type=dict[str, Manifest])
        except (OSError, msgspec.MsgspecError):
            return {}

    def damaged(self) -> list[Index]:
        """Reads every index file and returns the segments whose files are not those that were sealed."""
        sealed = self.last_seal()
        return [index for index in positions.indices(self.tables.path) if not self._sound(index, sealed)]

    def _sound(self, index: Index, sealed: dict[str, Manifest]) -> bool:
        manifest = sealed.get(index.segment)
        if manifest is None:
            return index.position is None and not self.index(index.segment).exists()
        return manifest.position == index.position and manifest.holds(self.index(index.segment))

    def index(self, segment: str) -> Path:
        """The folder with a segment's index files."""
        return self.folder / segment

    def segment_folders(self) -> list[Path]:
        """Every folder with index files, of collections there are or were."""
        return [path for path in self.folder.iterdir() if path.is_dir() and len(path.name) == 36]

    def bytes(self) -> int:
        """Bytes the files take."""
        return folder_bytes(self.folder)
