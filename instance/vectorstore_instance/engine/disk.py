"""What the front does to the engine's files: the only place that touches Chroma's private schema.

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
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = {"embeddings_queue": 2, "metadb": 6, "sysdb": 10}
"""The migrations of Chroma 1.5.9, which everything below was written for."""

_KEEP_QUEUE = json.dumps({"automatically_purge": False, "_type": "EmbeddingsQueueConfigurationInternal"})


class DiskError(Exception):
    """The folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Collection:
    """A collection as the files know it."""

    id: str
    tenant: str
    database: str
    dimension: int | None


class Disk:
    """One instance's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._database = folder / "chroma.sqlite3"
        self._clean = folder / "clean"
        self._format = folder / "format.json"
        self._reader: sqlite3.Connection | None = None
        self.lock = -1

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
        if self._reader is not None:
            self._reader.close()
            self._reader = None
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
        if self._database.exists() and self._rows():
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
        with closing(sqlite3.connect(self._database, isolation_level=None)) as db:
            found = dict(db.execute("select dir, max(version) from migrations group by dir"))
            if found != _SCHEMA:
                raise DiskError(f"DATA_DIR: {self._database}: schema {found} is not the known {_SCHEMA}")
            db.execute("pragma journal_mode = wal")
            db.execute("update embeddings_queue_config set config_json_str = ?", (_KEEP_QUEUE,))
            recover = self._format.exists() and not self._clean.exists()
            if recover:
                self._drop_indices(db)
        if not self._format.exists():
            _write_synced(self._format, json.dumps({"format": 1, "schema": _SCHEMA}))
        self._clean.unlink(missing_ok=True)
        _sync(self.folder)
        return recover

    def mark_clean(self) -> None:
        """Witnesses that the engine ended in order: index folders first, then the marker, are synced."""
        for folder in self._segment_folders():
            for file in folder.iterdir():
                _sync(file)
            _sync(folder)
        _write_synced(self._clean, "")

    def collections(self) -> list[Collection]:
        """All collections there are."""
        with self.reading() as db:
            rows = db.execute(
                "select c.id, d.tenant_id, d.name, c.dimension from collections c "
                "join databases d on d.id = c.database_id"
            )
            return [Collection(*row) for row in rows]

    def documents(self) -> dict[str, int]:
        """Documents by collection id."""
        with self.reading() as db:
            return dict(
                db.execute(
                    "select s.collection, count(e.id) from segments s left join embeddings e on e.segment_id = s.id "
                    "where s.scope = 'METADATA' group by s.collection"
                )
            )

    def bytes(self) -> int:
        """Bytes the files take."""
        total = 0
        for file in self.folder.rglob("*"):
            with suppress(FileNotFoundError):  # the engine removes files while we look
                total += file.lstat().st_blocks * 512
        return total

    def known_ids(self, segment: str, ids: list[str]) -> set[str]:
        """Which of the ids a metadata segment has."""
        marks = ",".join("?" * len(ids))
        query = f"select embedding_id from embeddings where segment_id = ? and embedding_id in ({marks})"  # noqa: S608
        return {row[0] for row in self.reader.execute(query, (segment, *ids))}

    def count(self, segment: str) -> int:
        """Documents of a metadata segment."""
        return int(
            self.reader.execute("select count(*) from embeddings where segment_id = ?", (segment,)).fetchone()[0]
        )

    def segment_and_dimension(self, collection: str) -> tuple[str, int | None] | None:
        """The metadata segment of a collection and the length of its vectors, if it has any yet."""
        found: tuple[str, int | None] | None = self.reader.execute(
            "select s.id, c.dimension from segments s join collections c on c.id = s.collection "
            "where s.collection = ? and s.scope = 'METADATA'",
            (collection,),
        ).fetchone()
        return found

    @property
    def reader(self) -> sqlite3.Connection:
        """A kept connection for the event loop's thread that cannot write."""
        if self._reader is None:
            self._reader = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        return self._reader

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write; in WAL mode it holds up nobody."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as db:
            yield db

    def _rows(self) -> int:
        with self.reading() as db:
            try:
                return int(db.execute("select count(*) from collections").fetchone()[0])
            except sqlite3.OperationalError:  # the engine was ended before it made its tables
                return 0

    def _drop_indices(self, db: sqlite3.Connection) -> None:
        """Without its folder and its position the engine replays a vector segment from the queue's start."""
        for folder in self._segment_folders():
            shutil.rmtree(folder)
        db.execute("delete from max_seq_id where segment_id in (select id from segments where scope = 'VECTOR')")

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
