"""What became of each file, and what is still to be done: a small SQLite file of our own.

A row is written before a request is acknowledged and changed when a step is over, each time durably, so
that whoever starts next knows where to go on. It lies beside Chroma's files and has nothing to do with
them. Its one connection keeps it locked: two instances cannot work on the same files.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Phase = Literal["queued", "parsed", "done", "failed", "cancelled"]
UNFINISHED = "phase IN ('queued', 'parsed')"

_TABLE = """
CREATE TABLE IF NOT EXISTS files (
    collection TEXT NOT NULL, base TEXT NOT NULL, source TEXT NOT NULL, upload TEXT NOT NULL, url TEXT NOT NULL,
    chunk_size INTEGER NOT NULL, overlap INTEGER NOT NULL, bytes INTEGER NOT NULL, note TEXT NOT NULL,
    phase TEXT NOT NULL, revision TEXT NOT NULL, total INTEGER NOT NULL, done INTEGER NOT NULL, error TEXT NOT NULL,
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    UNIQUE (collection, source)
)
"""


@dataclass(frozen=True)
class File:
    """A file of a database."""

    collection: str
    """The database's id."""
    base: str
    """Path of the Chroma database that it is in."""
    source: str
    """What its owner calls it."""
    upload: str
    """Where it lies, below the documents' folder."""
    url: str = ""
    """Where it is to be fetched from, as long as that is to be done."""
    chunk_size: int = 0
    """Tokens of a chunk at most."""
    overlap: int = 0
    """Tokens that a chunk has in common with the one before."""
    bytes: int = 0
    note: str = ""
    """What its owner should know of it."""
    phase: Phase = "queued"
    revision: str = ""
    """Tells this content from any other that the file may have."""
    total: int = 0
    """Chunks, once it is parsed."""
    done: int = 0
    """Chunks that are stored."""
    error: str = ""
    """Why it failed."""
    number: int = 0
    """Grows with every file taken in."""


_NAMES = [field.name for field in fields(File) if field.name != "number"]
_SELECT = f"SELECT {', '.join(_NAMES)}, number FROM files "  # noqa: S608
_INSERT = f"INSERT INTO files ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608


class LedgerUnusable(Exception):
    """The file is damaged, or another process holds it."""


class Ledger:
    """The files of one instance's databases. Its methods run off the event loop, one at a time."""

    def __init__(self, path: Path) -> None:
        """Opens the file, making it where there is none.

        Raises:
            LedgerUnusable: another instance has it, or it is damaged.
        """
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=1)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("BEGIN EXCLUSIVE")
            self._connection.execute(_TABLE)
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as problem:
            self._connection.close()
            remedy = "another instance works on it" if "locked" in str(problem) else "move it away: uploads are lost"
            raise LedgerUnusable(f"DATA_DIR: {path}: {problem}; {remedy}") from None

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._connection.close()

    async def copy(self, target: Path, link: Callable[[File], None]) -> None:
        """Copies the ledger into a new file; nothing is noted meanwhile.

        Args:
            target: the file.
            link: does something with each file that has work to do.
        """
        await self._run(self._copy, target, link)

    async def add(self, files: Iterable[File]) -> list[File]:
        """Takes files in; returns those of the same names that they replace."""
        return await self._run(self._add, list(files))

    async def of(self, collection: str) -> list[File]:
        """The files of a database, the oldest first."""
        return await self._select("WHERE collection = ? ORDER BY number", collection)

    async def all(self) -> list[File]:
        """Every file."""
        return await self._select("ORDER BY number")

    async def unfinished(self) -> list[File]:
        """Files with work to do."""
        return await self._select(f"WHERE {UNFINISHED} ORDER BY number")

    async def next(self) -> File | None:
        """The file to work on: of the oldest database with work, the next to parse, else the next to store."""
        found = await self._select(
            f"WHERE {UNFINISHED} AND collection = "  # noqa: S608
            f"(SELECT collection FROM files WHERE {UNFINISHED} ORDER BY number LIMIT 1) "
            "ORDER BY phase = 'parsed', number LIMIT 1"
        )
        return found[0] if found else None

    async def note(self, file: File, **changes: object) -> bool:
        """Changes a file's row; False where it was replaced, cancelled or forgotten meanwhile."""
        columns = ", ".join(f"{name} = ?" for name in changes)
        statement = f"UPDATE files SET {columns} WHERE number = ? AND {UNFINISHED}"  # noqa: S608 - names are ours
        return bool((await self._run(self._execute, statement, (*changes.values(), file.number))).rowcount)

    async def cancel(self, collection: str) -> int:
        """Ends the work on a database's files; returns on how many there was some."""
        statement = f"UPDATE files SET phase = 'cancelled', url = '' WHERE collection = ? AND {UNFINISHED}"  # noqa: S608
        return (await self._run(self._execute, statement, (collection,))).rowcount

    async def forget(self, collection: str) -> None:
        """Deletes the rows of a database."""
        await self._run(self._execute, "DELETE FROM files WHERE collection = ?", (collection,))

    async def prune(self, base: str, collections: Iterable[str]) -> None:
        """Deletes the finished rows of a Chroma database's collections that are not there any more."""
        gone = {file.collection for file in await self.all() if file.base == base} - set(collections)
        gone -= {file.collection for file in await self.unfinished()}  # perhaps made a moment ago
        for collection in gone:
            await self.forget(collection)

    async def _select(self, condition: str, *values: object) -> list[File]:
        rows = await self._run(lambda: self._execute(_SELECT + condition, values).fetchall())
        return [File(*row) for row in rows]

    def _copy(self, target: Path, link: Callable[[File], None]) -> None:
        with closing(sqlite3.connect(target)) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            self._connection.backup(copy)
        for row in self._execute(f"{_SELECT} WHERE {UNFINISHED}").fetchall():
            link(File(*row))

    def _add(self, files: list[File]) -> list[File]:
        replaced = []
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for file in files:
                key = (file.collection, file.source)
                found = self._execute(_SELECT + "WHERE collection = ? AND source = ?", key).fetchone()
                if found:
                    replaced.append(File(*found))
                    self._execute("DELETE FROM files WHERE number = ?", (replaced[-1].number,))
                self._execute(_INSERT, astuple(file)[:-1])
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        return replaced

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def locked() -> T:
            with self._lock:
                return work(*args, **kwargs)

        return await asyncio.to_thread(locked)
