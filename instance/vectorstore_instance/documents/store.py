"""The passages of files as records of a collection, where every other face of the instance finds them.

A record's id is made of its file's name, the revision of its content and its place in it: writing a
passage twice changes nothing, and a new revision lies beside the old one until that is taken away.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import Raw

from vectorstore_instance.core.errors import ApiError, not_found
from vectorstore_instance.documents.chunk import Chunk
from vectorstore_instance.documents.ledger import File
from vectorstore_instance.embed import Embedder
from vectorstore_instance.engine import Engine

T = TypeVar("T")
PAGE = 1000
"""Ids read or deleted by one request."""


class Collection(msgspec.Struct):
    """What the engine says of a collection, as far as it matters here."""

    id: str
    name: str
    dimension: int | None
    configuration_json: dict[str, Any]

    @property
    def cosine(self) -> bool:
        """Whether it measures by cosine, so that a distance is 1 - a similarity."""
        return bool((self.configuration_json.get("hnsw") or {}).get("space") == "cosine")


class Hit(msgspec.Struct):
    """A record that was found."""

    id: str
    text: str | None
    metadata: dict[str, Any]
    distance: float


class _Rows(msgspec.Struct):
    ids: list[str]
    documents: list[str | None] | None = None


class _Found(msgspec.Struct):
    ids: list[list[str]]
    documents: list[list[str | None]]
    metadatas: list[list[dict[str, Any] | None]]
    distances: list[list[float]]


@dataclass(frozen=True)
class Store:
    """The collections of one Chroma database."""

    engine: Engine
    base: str
    """Its path."""

    async def make(self, name: str) -> Collection:
        """The collection of that name, made where there is none.

        Raises:
            ApiError: 400 no name for a collection; 429 there are too many.
        """
        body = {"name": name, "configuration": {"hnsw": {"space": "cosine"}}, "get_or_create": True}
        return await self._ask("POST", "", body, Collection)

    async def find(self, key: str) -> Collection:
        """The collection of an id or a name.

        Raises:
            ApiError: 404 there is none.
        """
        found = await self._get(f"/by-id/{key}") if _is_uuid(key) else None
        found = found or await self._get(f"/{quote(key, safe='')}")
        if found is None:
            raise not_found(f"database {key!r} does not exist; GET /api/v1/database lists those there are")
        return found

    async def all(self) -> list[Collection]:
        """Every collection."""
        return await self._ask("GET", "", None, list[Collection])

    async def drop(self, name: str) -> None:
        """Deletes a collection with all it holds."""
        await self._ask("DELETE", f"/{quote(name, safe='')}", None, Raw)

    async def known(self, collection: str, ids: Sequence[str]) -> dict[str, str | None]:
        """Which records there are of these, with their texts."""
        rows = await self._ask("POST", f"/{collection}/get", {"ids": ids, "include": ["documents"]}, _Rows)
        return dict(zip(rows.ids, rows.documents or (), strict=True))

    async def write(self, file: File, numbered: Sequence[tuple[int, Chunk]], embedder: Embedder) -> None:
        """Stores passages of a file; those that are there already cost next to nothing.

        Raises:
            ApiError: 429 the quota; 404 the collection is gone; 5xx engine or model are away.
        """
        ids = [f"{prefix(file.source)}{file.revision}-{number:06d}" for number, _ in numbered]
        known = await self.known(file.collection, ids)
        new = [(id_, *each) for id_, each in zip(ids, numbered, strict=True) if known.get(id_) != each[1].text]
        if not new:
            return
        vectors = await embedder.embed([chunk.text for _, _, chunk in new])
        body = {
            "ids": [id_ for id_, _, _ in new],
            "embeddings": [base64.b64encode(vector).decode("ascii") for vector in vectors.astype("<f4", copy=False)],
            "documents": [chunk.text for _, _, chunk in new],
            "metadatas": [_metadata(file.source, number, chunk) for _, number, chunk in new],
        }
        await self._ask("POST", f"/{file.collection}/upsert", body, Raw)

    async def delete_older(self, file: File) -> None:
        """Deletes the passages of every other revision of a file: records of ours alone."""
        mine, current = prefix(file.source), f"{prefix(file.source)}{file.revision}-"
        old: list[str] = []
        seen = 0
        while True:
            body = {"where": {"source": file.source}, "include": [], "limit": PAGE, "offset": seen}
            ids = (await self._ask("POST", f"/{file.collection}/get", body, _Rows)).ids
            old += [id_ for id_ in ids if id_.startswith(mine) and not id_.startswith(current)]
            seen += len(ids)
            if len(ids) < PAGE:
                break
        for start in range(0, len(old), PAGE):
            await self._ask("POST", f"/{file.collection}/delete", {"ids": old[start : start + PAGE]}, Raw)

    async def query(
        self, collection: Collection, vector: Sequence[float], n_results: int, where: dict[str, Any] | None
    ) -> list[Hit]:
        """The records nearest to a vector, the nearest first."""
        body = {
            "query_embeddings": [vector],
            "n_results": n_results,
            "where": where,
            "include": ["documents", "metadatas", "distances"],
        }
        found = await self._ask("POST", f"/{collection.id}/query", body, _Found)
        columns = zip(found.ids[0], found.documents[0], found.metadatas[0], found.distances[0], strict=True)
        return [Hit(id_, text, metadata or {}, distance) for id_, text, metadata, distance in columns]

    async def _get(self, path: str) -> Collection | None:
        try:
            return await self._ask("GET", path, None, Collection)
        except ApiError as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def _ask(self, method: str, path: str, body: object, answer: type[T]) -> T:
        sent = b"" if body is None else msgspec.json.encode(body)
        reply = await self.engine.request(method, f"{self.base}/collections{path}", sent)
        return msgspec.json.decode(reply.unwrap(), type=answer)


def prefix(source: str) -> str:
    """How the ids of a file's passages begin."""
    return hashlib.sha256(source.encode()).hexdigest()[:16] + "-"


def _metadata(source: str, number: int, chunk: Chunk) -> dict[str, str | int]:
    told: dict[str, str | int] = {"source": source, "chunk": number, "offset": chunk.offset}
    if chunk.page is not None:
        told["page"] = chunk.page
    if chunk.row is not None:
        told["row"] = chunk.row
    return told


def _is_uuid(key: str) -> bool:
    try:
        return str(UUID(key)) == key.lower()
    except ValueError:
        return False
