"""A folder of collections in files: `DATABASE/NAME.parquet` or `.jsonl`, beside it `NAME.collection.json`.

The description has what records cannot say, among it count and checksums, so that a file which was cut off or changed
since does not pass. A file that others made has none: then its name is the collection's, and the user says the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.files import jsonl, parquet
from vectorstore_operator.migrate.records import DEFAULT_DATABASE, Collection, Records, short

FORMATS: dict[str, ModuleType] = {".parquet": parquet, ".jsonl": jsonl, ".ndjson": jsonl}
_ASIDE = ".collection.json"
_LONGEST_NAME = 150


class _Aside(msgspec.Struct):
    """A description."""

    version: int
    name: str
    database: str
    file: str | None
    count: int
    checksums: tuple[str, str]
    """Of the contents and of the vectors: sums of the digests of all records."""
    metadata: dict[str, Any] | None = None
    configuration: dict[str, Any] | None = None
    schema: dict[str, Any] | None = None
    dimension: int | None = None


@dataclass(frozen=True)
class Tree:
    """Files as a source: one, or a folder of them."""

    path: Path

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path)

    async def collections(self) -> list[Collection]:
        """What there is; every file is looked through, so that nothing is moved of one that is spoiled.

        Raises:
            Problem: there is nothing, a file cannot be read, or one id stands for several records.
        """
        return await asyncio.to_thread(self._collections)

    def _collections(self) -> list[Collection]:
        files = [self.path] if self.path.is_file() else sorted(self.path.rglob("*"))
        described = [_described(file) for file in files if file.name.endswith(_ASIDE)]
        known = {collection.id for collection in described}
        bare = []
        for file in files:
            if file.suffix not in FORMATS or str(file) in known:
                continue
            aside = file.with_name(file.stem + _ASIDE)
            plain = Collection(file.stem, DEFAULT_DATABASE, id=str(file))
            bare.append(_described(aside) if aside.is_file() else plain)
        if not described + bare:
            raise Problem(f"{self.path}: there is neither a .parquet nor a .jsonl in it, nor a {DATABASE_HINT}")
        return [replace(each, count=_survey(each)) for each in described + bare]

    def pages(self, collection: Collection) -> AsyncIterator[Records]:
        """Its records, a page at a time."""
        return File(Path(collection.id)).pages(collection)


@dataclass(frozen=True)
class File:
    """One file of records as a source; no name stands for no records."""

    path: Path
    suffix: str = ""
    """Of what it is, where its own tells that it is not whole yet."""

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path)

    async def pages(self, _: Collection) -> AsyncIterator[Records]:
        """Its records, a page at a time."""
        if self.path == Path():
            return
        pages = FORMATS[self.suffix or self.path.suffix].read(self.path)
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            yield page


DATABASE_HINT = "chroma.sqlite3 as a folder of Chroma's has"


def _described(aside: Path) -> Collection:
    try:
        told = msgspec.json.decode(aside.read_bytes(), type=_Aside)
    except msgspec.DecodeError as error:
        raise Problem(f"{aside}: {error}; it is to be as `vectorstore export` made it: export again") from None
    if told.version != 1:
        raise Problem(f"{aside}: version {told.version}, and this release knows 1; use the release that made it")
    file = aside.with_name(told.file) if told.file else None
    if file and not file.is_file():
        raise Problem(f"{file}: it is not there, and {aside.name} tells of it; put it back, or export again")
    known = (told.name, told.database, told.metadata, told.configuration, told.schema, told.dimension)
    return Collection(*known, id=str(file or ""), count=told.count, checksums=told.checksums)


def _survey(collection: Collection) -> int:
    """Counts the records of a file, and sees that each has an id of its own: eight bytes of memory for each."""
    if not collection.id:
        return 0
    file = Path(collection.id)
    read = FORMATS[file.suffix].ids
    hashes = short(read(file))
    hashes.sort()
    for twice in np.unique(hashes[:-1][hashes[1:] == hashes[:-1]]).tolist():
        seen: set[str] = set()
        for id_ in read(file):
            if id_ in seen:
                raise Problem(f"{file}: id {id_!r} is there more than once; which record is meant? leave one of them")
            if short([id_])[0] == twice:
                seen.add(id_)
    if collection.checksums and len(hashes) != collection.count:
        raise Problem(
            f"{file}: {len(hashes)} records, and there were {collection.count} when it was exported; "
            "it was cut off or changed: export again"
        )
    return len(hashes)


def write(folder: Path, suffix: str, collection: Collection, pages: Iterable[Records]) -> Path:
    """Writes a collection's records under a name that says that they are not whole yet; returns that file.

    Raises:
        Problem: it cannot be written.
    """
    file = _file(folder, suffix, collection)
    part = file.with_name(f"{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        FORMATS[suffix].write(part, pages)
    except OSError as error:
        raise Problem(f"{part}: {error.strerror}; make room or name another place: --to") from None
    return part


def settle(folder: Path, suffix: str, collection: Collection) -> None:
    """Gives a file that is proven its name, and describes it; the description last."""
    file = _file(folder, suffix, collection)
    aside = file.with_name(file.name.removesuffix(suffix) + _ASIDE)
    aside.unlink(missing_ok=True)
    if collection.count:
        file.with_name(f"{file.name}.part").rename(file)
    told = _Aside(
        version=1,
        name=collection.name,
        database=collection.database,
        file=file.name if collection.count else None,
        count=collection.count,
        checksums=collection.checksums or ("", ""),
        metadata=collection.metadata,
        configuration=collection.configuration,
        schema=collection.schema,
        dimension=collection.dimension,
    )
    part = aside.with_name(f"{aside.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))
    part.rename(aside)


def _file(folder: Path, suffix: str, collection: Collection) -> Path:
    return folder / _safe(collection.database) / f"{_safe(collection.name)}{suffix}"


def _safe(name: str) -> str:
    """A file's name: readable, within what file systems take, and no two names have the same."""
    plain = quote(name, safe="")
    plain = f"%2E{plain[1:]}" if plain.startswith(".") else plain
    digest = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[:_LONGEST_NAME]}-{digest}"


def in_thread(
    loop: asyncio.AbstractEventLoop, pages: AsyncIterator[Records], seen: Callable[[int], None]
) -> Iterator[Records]:
    """Pages of an event loop for a thread that writes them; tells how many records went by."""

    async def following() -> Records | None:
        return await anext(pages, None)

    while (page := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
        yield page
        seen(len(page))
