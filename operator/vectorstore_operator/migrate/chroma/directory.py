"""A folder of Chroma's (`chroma.sqlite3` and a folder for each index): copied and opened, or made.

The engine changes what it opens (older tables become newer ones), so a source is copied first, and only read. SQLite's
file and the index files belong together: a copy that somebody wrote into meanwhile is none.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.chroma import engine
from vectorstore_operator.migrate.chroma.server import Server
from vectorstore_operator.migrate.chroma.wire import Wire
from vectorstore_operator.migrate.records import DEFAULT_TENANT

DATABASE = "chroma.sqlite3"
_BEFORE_0_4 = ("chroma-collections.parquet", "chroma-embeddings.parquet", "chroma.duckdb")
_WITHOUT_NULLS = """
    update embeddings_queue set metadata = json_remove(metadata, '$."chroma:document"')
    where json_type(metadata, '$."chroma:document"') = 'null'
"""
_SPARE = 256 << 20
"""Bytes beyond the copy that the engine may need."""


def seems(folder: Path) -> bool:
    """Whether a folder is one of Chroma's, of whatever age."""
    return any((folder / name).exists() for name in (DATABASE, *_BEFORE_0_4))


def check(folder: Path) -> None:
    """Looks whether a folder is one of Chroma's.

    Raises:
        Problem: it is none, or too old a one.
    """
    if (folder / DATABASE).is_file():
        return
    if any((folder / old).exists() for old in _BEFORE_0_4):
        raise Problem(
            f"{folder}: a folder of Chroma before 0.4 (DuckDB), which no later one opens; "
            "turn it into one of 0.4 with Chroma's own `chroma-migrate` first"
        )
    raise Problem(f"{folder}: there is no {DATABASE} in it; name the folder that PersistentClient or `chroma run` had")


@asynccontextmanager
async def opened(folder: Path, scratch: Path | None) -> AsyncIterator[Wire]:
    """A session with an engine that has a copy of a folder.

    Args:
        folder: of Chroma's; nothing is written into it.
        scratch: where the copy goes; None is where the system keeps such.

    Raises:
        Problem: it cannot be copied or opened.
    """
    check(folder)
    with tempfile.TemporaryDirectory(prefix="vectorstore-import-", dir=scratch) as place:
        copy = Path(place, "copy")
        await asyncio.to_thread(_copy, folder, copy)
        await asyncio.to_thread(_mend, copy)
        async with engine.running(copy, str(folder)):
            pass  # Renews older tables; until they are opened again it may see the old ones, and panic.
        async with engine.running(copy, str(folder)) as wire:
            yield wire


def _copy(folder: Path, copy: Path) -> None:
    before = _state(folder)
    need, free = sum(size for size, _ in before.values()) + _SPARE, shutil.disk_usage(copy.parent).free
    if need > free:
        raise Problem(
            f"{folder}: its copy needs {need >> 20} MiB, and {copy.parent.parent} has {free >> 20} MiB free; "
            "name another place: --scratch DIR"
        )
    try:
        shutil.copytree(folder, copy)
    except shutil.Error as error:
        # What vanishes meanwhile is told below; what cannot be read, here.
        if _state(folder) == before:
            where, _, why = error.args[0][0]
            raise Problem(f"{where}: {why}; run this as somebody who may read it") from None
    if _state(folder) != before:
        raise Problem(f"{folder}: something writes to it; stop the application that uses it, and run this again")


def _mend(copy: Path) -> None:
    """Takes out of a copy's queue what Chroma before 1.0 put there for a record without a document, a document that is
    null: at it the present engine panics, and answers nothing more.

    Nothing runs on the copy, and no other SQLite is in this process.
    """
    try:
        with closing(sqlite3.connect(copy / DATABASE)) as tables, tables:
            tables.execute(_WITHOUT_NULLS)
    except sqlite3.DatabaseError:
        return  # no queue, or no database: the engine tells what is wrong with it


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file, its size and when it was last written to."""
    found = {}
    for file in sorted(folder.rglob("*")):
        try:
            told = file.stat()
        except FileNotFoundError:
            continue
        if file.is_file():
            found[str(file.relative_to(folder))] = (told.st_size, told.st_mtime_ns)
    return found


@asynccontextmanager
async def made(folder: Path, say: Callable[[str], None]) -> AsyncIterator[Wire]:
    """A session with an engine that makes a folder, which has `.part` behind its name until it is settled.

    What a killed command left is gone on with; where its index files are torn, it is begun anew.

    Raises:
        Problem: there is something of that name.
    """
    part = await asyncio.to_thread(_part, folder)
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(engine.running(part, str(folder)))
        if not await _sound(wire):
            say(f"what was begun in {part} is torn: the command was killed as it was written; beginning anew")
            await stack.aclose()
            await asyncio.to_thread(shutil.rmtree, part)
            part.mkdir()
            wire = await stack.enter_async_context(engine.running(part, str(folder)))
        yield wire


def _part(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Problem(f"--to: {folder} is there already; name a folder that is not, or remove it")
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    return part


async def _sound(wire: Wire) -> bool:
    """Whether every index can be loaded: Chroma writes it in place, and a kill in the middle leaves half of it."""
    try:
        server = Server(wire, DEFAULT_TENANT)
        for collection in await server.collections():
            await server.count(collection)
    except Problem:
        return False
    return True


def settle(folder: Path) -> None:
    """Gives a folder that was made its name; nothing may run on it any more."""
    folder.with_name(f"{folder.name}.part").rename(folder)
