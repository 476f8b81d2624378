"""One collection as the text routes see it: texts become vectors here, and requests to the engine.

The engine's answers are read as far as their columns: documents and metadata go from its bytes into
ours as they are, so that no number changes on the way and a large answer is not built up twice.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Raw

from vectorstore_instance.core.errors import already_there, invalid, not_found, too_large
from vectorstore_instance.core.exchange import note_rows
from vectorstore_instance.engine import DATABASES
from vectorstore_instance.engine.route import REFUSE_KNOWN
from vectorstore_instance.instance import Instance
from vectorstore_instance.models.fields import Where

T = TypeVar("T")
Row = dict[str, Any]
"""One document of an answer, some of its members in the engine's bytes."""


class Info(msgspec.Struct):
    """What the engine says of a collection, as far as it matters here."""

    id: str
    name: str
    dimension: int | None
    """None while it is empty."""
    metadata: Raw


class _Columns(msgspec.Struct):
    """Answer to get."""

    ids: list[str]
    documents: list[Raw] | None = None
    metadatas: list[Raw] | None = None


class _QueryColumns(msgspec.Struct):
    """Answer to query: the columns of each vector."""

    ids: list[list[Raw]]
    documents: list[list[Raw]]
    metadatas: list[list[Raw]]
    distances: list[list[Raw]]


class _Deleted(msgspec.Struct):
    """Answer to delete."""

    deleted: int


@dataclass(frozen=True)
class Rows:
    """Documents to write: columns of equal length."""

    documents: list[str] | None = None
    embeddings: list[list[float]] | None = None
    ids: list[str] | None = None
    metadatas: Sequence[Mapping[str, Any] | None] | None = None

    @property
    def count(self) -> int:
        """How many documents."""
        return len(self.documents if self.documents is not None else self.embeddings or [])


@dataclass(frozen=True)
class Collection:
    """A collection that exists."""

    instance: Instance
    database: str
    """The name of the Chroma database that holds it."""
    info: Info

    async def write(self, rows: Rows, *, update: bool) -> list[str]:
        """Stores documents; returns their ids, made up where they have none.

        Args:
            rows: the documents.
            update: whether one whose id is there already is updated, as Chroma does it: a new text and vector, and
                its metadata merged; else it is refused.

        Raises:
            ApiError: 413 too many rows, 400 texts or vectors that do not fit, 409 an id is there already.
        """
        self._limit("documents", rows.count)
        if rows.ids and not update and (known := await self._known(rows.ids)):
            raise already_there(known[0])  # before its text is embedded; the engine's queue looks once more
        ids = rows.ids or [str(uuid.uuid4()) for _ in range(rows.count)]
        body = {
            "ids": ids,
            "embeddings": await self._vectors(rows),
            "documents": rows.documents,
            "metadatas": rows.metadatas and [metadata or None for metadata in rows.metadatas],
        }
        await self._post("upsert" if update and rows.ids else f"add{REFUSE_KNOWN}", body)
        return ids

    async def query(self, texts: list[str], n_results: int, where: Where | None) -> list[list[Row]]:
        """The nearest documents for each text, with their distances, the nearest first."""
        self._limit("texts", len(texts))
        vectors = await self._embed(texts)
        body = {
            "query_embeddings": vectors.tolist(),  # the only form that Chroma takes here
            "n_results": n_results,
            "where": where,
            "include": ["documents", "metadatas", "distances"],
        }
        found = await self._ask("query", body, _QueryColumns)
        names = ("id", "document", "metadata", "distance")
        each = zip(found.ids, found.documents, found.metadatas, found.distances, strict=True)
        return [[dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] for columns in each]

    async def get(self, ids: list[str] | None, where: Where | None, limit: int | None, offset: int | None) -> list[Row]:
        """Documents by id, by metadata, or by both; all where neither is given."""
        self._limit("ids", len(ids or ()))
        body = {"ids": ids, "where": where, "limit": limit, "offset": offset, "include": ["documents", "metadatas"]}
        found = await self._ask("get", body, _Columns)
        rows = zip(found.ids, found.documents or (), found.metadatas or (), strict=True)
        return [{"id": name, "document": document, "metadata": metadata} for name, document, metadata in rows]

    async def delete(self, ids: list[str] | None, where: Where | None) -> int:
        """Deletes documents by id, by metadata, or by both; returns how many there were."""
        self._limit("ids", len(ids or ()))
        body: dict[str, Any] = {"where": where}
        if ids is not None:
            # Chroma counts ids that it does not have as deleted, too: only those that are there are sent.
            known = await self._known(ids, where)
            if not known:
                return 0
            body = {"ids": known}
        deleted = (await self._ask("delete", body, _Deleted)).deleted
        note_rows(deleted)
        return deleted

    def _limit(self, what: str, count: int) -> None:
        most = self.instance.limits.current.max_batch_rows
        if count > most:
            raise too_large(f"{count} {what} in one request, and {most} are allowed; send less at once")

    async def _known(self, ids: list[str], where: Where | None = None) -> list[str]:
        return (await self._ask("get", {"ids": ids, "where": where, "include": []}, _Columns)).ids

    async def _vectors(self, rows: Rows) -> list[list[float]] | list[str]:
        """A vector for every row, in a form that Chroma takes on writes: numbers or base64."""
        if rows.embeddings is None:
            vectors = await self._embed(rows.documents or [])
            return [base64.b64encode(vector).decode("ascii") for vector in vectors.astype("<f4", copy=False)]
        dimension = self.info.dimension or self.instance.settings.dimension
        for index, vector in enumerate(rows.embeddings):
            if len(vector) != dimension:
                raise invalid(
                    f"embeddings[{index}] has {len(vector)} numbers, and collection {self.info.name} takes {dimension}"
                )
        return rows.embeddings

    async def _embed(self, texts: list[str]) -> Any:
        """Vectors of the texts: a numpy array of float32, shape (len(texts), dimension)."""
        embedder = self.instance.embedder
        if embedder is None:
            raise invalid(
                "this store embeds no text (its model is none): send embeddings to "
                "/collections/{name}/add or upsert, and query with vectors over Chroma's API"
            )
        if self.info.dimension not in (None, embedder.dimension):
            raise invalid(
                f"collection {self.info.name} holds vectors of dimension {self.info.dimension}, and the store's model "
                f"makes {embedder.dimension}; use another collection, or send vectors over Chroma's API"
            )
        return await embedder.embed(texts)

    async def _post(self, verb: str, body: object) -> bytes:
        path = f"{_path(self.database, self.info.id)}/{verb}"
        return (await self.instance.engine.request("POST", path, msgspec.json.encode(body))).unwrap()

    async def _ask(self, verb: str, body: object, answer: type[T]) -> T:
        return msgspec.json.decode(await self._post(verb, body), type=answer)


async def create(
    instance: Instance, database: str, name: str, metadata: Row | None, *, get: bool = False
) -> Collection:
    """Makes a collection that measures by cosine; the one there is where `get` allows it.

    Raises:
        ApiError: 409 it is there already; 400 no name for a collection.
    """
    body = {
        "name": name,
        "metadata": metadata or None,
        "configuration": {"hnsw": {"space": "cosine"}},
        "get_or_create": get,
    }
    reply = await instance.engine.request("POST", _path(database), msgspec.json.encode(body))
    return Collection(instance, database, msgspec.json.decode(reply.unwrap(), type=Info))


async def find(instance: Instance, database: str, name: str) -> Collection | None:
    """The collection of that name, if there is one."""
    reply = await instance.engine.request("GET", _path(database, name))
    if reply.status == HTTPStatus.NOT_FOUND:
        return None
    return Collection(instance, database, msgspec.json.decode(reply.unwrap(), type=Info))


async def get(instance: Instance, database: str, name: str) -> Collection:
    """The collection of that name.

    Raises:
        ApiError: 404 there is none.
    """
    found = await find(instance, database, name)
    if found is None:
        raise not_found(f"collection {name!r} does not exist; POST /collections/create makes one")
    return found


async def drop(instance: Instance, database: str, name: str) -> None:
    """Deletes a collection with all its documents.

    Raises:
        ApiError: 404 there is none.
    """
    (await instance.engine.request("DELETE", _path(database, name))).unwrap()


async def list_all(instance: Instance, database: str) -> list[Info]:
    """Every collection of a database, whoever made it."""
    reply = await instance.engine.request("GET", _path(database))
    return msgspec.json.decode(reply.unwrap(), type=list[Info])


def _path(database: str, *names: str) -> str:
    return "/".join((DATABASES, database, "collections", *(quote(name, safe="") for name in names)))
