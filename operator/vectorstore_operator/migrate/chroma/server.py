"""A Chroma server's collections and records, of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.chroma import vectors
from vectorstore_operator.migrate.chroma.wire import Refused, Wire
from vectorstore_operator.migrate.records import DEFAULT_DATABASE, Collection, Records, Vectors

_IDS = 20_000
"""Ids that are asked for at once: the engine counts its way to where they begin."""
_PAGE = 1000
"""Records of a page at most."""
_PAGE_BYTES = 8 << 20
"""What an answer with a page has about; pages of long texts or vectors have fewer records."""
_LISTED = 1000
FARTHEST = 3.4028234663852886e38
"""What a distance is where float32 has no number for it."""
_ALL = ["embeddings", "documents", "metadatas", "uris"]
_NO_METHOD, _CONFLICT, _TOO_LARGE = 405, 409, 413


class _Rows(msgspec.Struct):
    ids: list[str]
    embeddings: list[list[float]] | None = None
    documents: list[str | None] | None = None
    metadatas: list[dict[str, Any] | None] | None = None
    uris: list[str | None] | None = None


class _Found(msgspec.Struct):
    distances: list[list[float | None]]


class _Preflight(msgspec.Struct):
    max_batch_size: int = 100
    supports_base64_encoding: bool = False


class Server:
    """One tenant of a server."""

    def __init__(self, wire: Wire, tenant: str) -> None:
        self._wire, self._tenant = wire, tenant
        self._page = _PAGE
        self._preflight = _Preflight()
        self._asked = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._wire.name

    async def collections(self) -> list[Collection]:
        """All there are, in the order of their databases and names."""
        found = []
        for database in await self._names():
            for told in await self._list(f"{self._databases}/{_quoted(database)}/collections"):
                found.append(_collection(told))
        return sorted(found, key=lambda each: (each.database, each.name))

    async def _names(self) -> list[str]:
        try:
            return [each["name"] for each in await self._list(self._databases)]
        except Refused as refused:
            if refused.status != _NO_METHOD:
                raise
            return [DEFAULT_DATABASE]  # Chroma 0.5 lists none

    async def find(self, database: str, name: str) -> Collection | None:
        """One of that name; None where there is none."""
        path = f"{self._databases}/{_quoted(database)}/collections/{_quoted(name)}"
        try:
            return _collection((await self._wire.read("GET", path, dict))[0])
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    async def ensure_database(self, name: str) -> None:
        """Makes a database where there is none of that name."""
        if name not in await self._names():
            try:
                await self._wire.request("POST", self._databases, {"name": name})
            except Refused as refused:
                if refused.status != _CONFLICT:
                    raise

    async def create(self, wanted: Collection, **how: Any) -> Collection:
        """Makes a collection.

        Args:
            wanted: its name, database and metadata.
            how: its `configuration` or its `schema`.
        """
        body = {"name": wanted.name, "metadata": wanted.metadata or None, **how}
        path = f"{self._databases}/{_quoted(wanted.database)}/collections"
        return _collection((await self._wire.read("POST", path, dict, body))[0])

    async def drop(self, collection: Collection) -> None:
        """Deletes a collection."""
        path = f"{self._databases}/{_quoted(collection.database)}/collections/{_quoted(collection.name)}"
        await self._wire.request("DELETE", path)

    async def configure(self, collection: Collection, hnsw: dict[str, Any]) -> None:
        """Changes settings of a collection's index."""
        await self._wire.request("PUT", self._path(collection), {"new_configuration": {"hnsw": hnsw}})

    async def count(self, collection: Collection) -> int:
        """Its records."""
        return (await self._wire.read("GET", f"{self._path(collection)}/count", int))[0]

    async def limits(self) -> dict[str, Any]:
        """How many documents a store may have and has, by `limit` and `documents`; {} for what is no store of ours."""
        try:
            told, _ = await self._wire.read("GET", "/stats", dict)
        except Problem:
            return {}
        return told if "limit" in told else {}

    async def pages(self, collection: Collection) -> AsyncIterator[Records]:
        """Its records, a page at a time."""
        async for ids in self.ids(collection):
            at = 0
            while at < len(ids):
                part = ids[at : at + self._page]
                yield await self.get(collection, part)
                at += len(part)

    async def ids(self, collection: Collection) -> AsyncIterator[list[str]]:
        """The ids of its records, many at a time."""
        offset = 0
        while ids := (await self._rows(collection, include=[], limit=_IDS, offset=offset)).ids:
            offset += len(ids)
            yield ids

    async def get(self, collection: Collection, ids: Sequence[str]) -> Records:
        """Those of some records that there are, in any order."""
        rows = await self._rows(collection, include=_ALL, ids=ids)
        count = len(rows.ids)
        absent: list[None] = [None] * count
        try:
            found = vectors.read(rows.embeddings or []) if count else np.empty((0, 0), np.float32)
        except ValueError as error:
            raise Problem(f"{self.name}: {collection.title}: the vectors of {rows.ids[0]!r} and on: {error}") from None
        return Records(rows.ids, found, rows.documents or absent, rows.metadatas or absent, rows.uris or absent)

    async def _rows(self, collection: Collection, **asked: Any) -> _Rows:
        rows, size = await self._wire.read("POST", f"{self._path(collection)}/get", _Rows, asked)
        if asked["include"] and rows.ids:
            fitting = _PAGE_BYTES * len(rows.ids) // max(1, size)
            self._page = max(1, min(_PAGE, fitting, 2 * self._page))
        return rows

    async def put(self, collection: Collection, records: Records) -> None:
        """Writes records that are not there yet, or again; in pieces where they are too many or too large at once.

        Raises:
            Problem: one is refused.
        """
        if not (sound := np.isfinite(records.vectors).all(axis=1)).all():
            id_ = records.ids[int(np.argmin(sound))]
            raise Problem(f"{collection.title}: record {id_!r}: its vector has a number that no float32 is; correct it")
        if not self._asked:
            self._asked = True
            self._preflight, _ = await self._wire.read("GET", "/api/v2/pre-flight-checks", _Preflight)
        most = max(1, self._preflight.max_batch_size)
        for begin in range(0, len(records), most):
            await self._put(collection, records.take(range(begin, min(begin + most, len(records)))))

    async def _put(self, collection: Collection, records: Records) -> None:
        body = {
            "ids": records.ids,
            "embeddings": vectors.write(records.vectors, self._preflight.supports_base64_encoding),
            "documents": records.documents,
            "metadatas": [each or None for each in records.metadatas],
            "uris": records.uris,
        }
        try:
            await self._wire.request("POST", f"{self._path(collection)}/upsert", body)
        except Refused as refused:
            if refused.status != _TOO_LARGE or len(records) == 1:
                first, last = records.ids[0], records.ids[-1]
                which = f"{first!r}" if first == last else f"{first!r} to {last!r}"
                raise Refused(f"{collection.title}: records {which}: {refused}", refused.status) from None
            half = len(records) // 2
            await self._put(collection, records.take(range(half)))
            await self._put(collection, records.take(range(half, len(records))))

    async def remove(self, collection: Collection, ids: Sequence[str]) -> None:
        """Deletes records."""
        for begin in range(0, len(ids), _PAGE):
            body = {"ids": list(ids[begin : begin + _PAGE])}
            await self._wire.request("POST", f"{self._path(collection)}/delete", body)

    async def nearest(self, collection: Collection, asked: Vectors, most: int) -> list[list[float]]:
        """The distances of the records that are nearest to some vectors, the least first."""
        body = {"query_embeddings": asked.tolist(), "n_results": most, "include": ["distances"]}
        found, _ = await self._wire.read("POST", f"{self._path(collection)}/query", _Found, body)
        return [[FARTHEST if each is None else each for each in row] for row in found.distances]

    @property
    def _databases(self) -> str:
        return f"/api/v2/tenants/{_quoted(self._tenant)}/databases"

    def _path(self, collection: Collection) -> str:
        return f"{self._databases}/{_quoted(collection.database)}/collections/{collection.id}"

    async def _list(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page, _ = await self._wire.read("GET", f"{path}?limit={_LISTED}&offset={len(found)}", list)
            found += page
            if len(page) < _LISTED:
                return found


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _collection(told: dict[str, Any]) -> Collection:
    return Collection(
        name=told["name"],
        database=told["database"],
        metadata=told.get("metadata"),
        configuration=told.get("configuration_json"),
        schema=told.get("schema"),
        dimension=told.get("dimension"),
        id=told["id"],
    )


async def with_counts(server: Server, collections: Sequence[Collection]) -> list[Collection]:
    """The same collections, counted."""
    return [replace(each, count=await server.count(each)) for each in collections]
