"""One collection as the text routes see it: texts become vectors here, and requests to the engine.

The engine's answers are read as far as their columns: documents and metadata go from its bytes into
ours as they are, so that no number changes on the way and a large answer is not built up twice.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from vectorstore_instance.api import chunked
from vectorstore_instance.api.columns import Columns, Deleted, Info, QueryColumns, Rows
from vectorstore_instance.core.errors import already_there, invalid, too_large
from vectorstore_instance.core.exchange import note_rows
from vectorstore_instance.embed import Embedder
from vectorstore_instance.engine import DATABASES
from vectorstore_instance.engine.route import REFUSE_KNOWN
from vectorstore_instance.instance import Instance
from vectorstore_instance.models.fields import Where

T = TypeVar("T")
MOST_CHUNKS = 1000
"""So many of the nearest chunks are looked through for enough different documents."""
Row = dict[str, Any]
"""One document of an answer, some of its members in the engine's bytes."""


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
        self.limit("documents", rows.count)
        if rows.ids and not update:
            await self.refuse_known(rows.ids)  # before a text is embedded; the engine's queue looks once more
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
        """The nearest documents for each text, with their distances, the nearest first; each once, however split."""
        self.limit("texts", len(texts))
        vectors = (await self.embedder.embed(texts)).tolist()  # the only form that Chroma takes here
        most = max(n_results, min(self.instance.limits.current.max_n_results, MOST_CHUNKS))
        asked = n_results
        while True:
            found = await self._nearest(vectors, asked, where)
            results = [chunked.documents(rows)[:n_results] for rows in found]
            enough = all(len(some) == n_results or len(rows) < asked for some, rows in zip(results, found, strict=True))
            if enough or asked == most:
                return results
            asked = min(asked * 4, most)

    async def _nearest(self, vectors: list[list[float]], n_results: int, where: Where | None) -> list[list[Row]]:
        body = {
            "query_embeddings": vectors,
            "n_results": n_results,
            "where": where,
            "include": ["documents", "metadatas", "distances"],
        }
        found = await self._ask("query", body, QueryColumns)
        names = ("id", "document", "metadata", "distance")
        each = zip(found.ids, found.documents, found.metadatas, found.distances, strict=True)
        return [[dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] for columns in each]

    async def get(self, ids: list[str] | None, where: Where | None, limit: int | None, offset: int | None) -> list[Row]:
        """Documents by id, by metadata, or by both; all where neither is given. One that was split is its chunks."""
        self.limit("ids", len(ids or ()))
        if ids is not None and (chunks := await self._chunks_of(ids)):
            ids = list(dict.fromkeys([*ids, *chunks]))
        body = {"ids": ids, "where": where, "limit": limit, "offset": offset, "include": ["documents", "metadatas"]}
        found = await self._ask("get", body, Columns)
        rows = zip(found.ids, found.documents or (), found.metadatas or (), strict=True)
        return [{"id": name, "document": document, "metadata": metadata} for name, document, metadata in rows]

    async def delete(self, ids: list[str] | None, where: Where | None) -> int:
        """Deletes documents by id, by metadata, or by both, with their chunks; returns how many rows there were."""
        self.limit("ids", len(ids or ()))
        if ids is None:
            deleted = (await self._ask("delete", {"where": where}, Deleted)).deleted
        else:
            # Chroma counts ids that it does not have as deleted, too: only those that are there are sent.
            deleted = await self.delete_rows(await self.rows_of(ids, where))
        note_rows(deleted)
        return deleted

    async def delete_rows(self, ids: list[str]) -> int:
        """Deletes rows that are there, however many."""
        most = self.instance.limits.current.max_batch_rows
        parts = (ids[at : at + most] for at in range(0, len(ids), most))
        return sum([(await self._ask("delete", {"ids": part}, Deleted)).deleted for part in parts])

    async def refuse_known(self, ids: list[str]) -> None:
        """Refuses ids that are there already.

        Raises:
            ApiError: 409; names one.
        """
        if known := await self.rows_of(ids):
            raise already_there(known[0])

    async def rows_of(self, ids: list[str], where: Where | None = None) -> list[str]:
        """The rows that are there of documents: themselves, and the chunks of those that were split."""
        return list(dict.fromkeys([*await self._known(ids, where), *await self._chunks_of(ids, where)]))

    async def _chunks_of(self, ids: list[str], where: Where | None = None) -> list[str]:
        chunks: Where = {chunked.SOURCE: {"$in": ids}}
        return await self._known(None, {"$and": [chunks, where]} if where else chunks)

    def limit(self, what: str, count: int) -> None:
        """Refuses more than one request may have of something.

        Raises:
            ApiError: 413; says how many are allowed.
        """
        most = self.instance.limits.current.max_batch_rows
        if count > most:
            raise too_large(f"{count} {what} in one request, and {most} are allowed; send less at once")

    async def _known(self, ids: list[str] | None, where: Where | None = None) -> list[str]:
        return (await self._ask("get", {"ids": ids, "where": where, "include": []}, Columns)).ids

    async def _vectors(self, rows: Rows) -> list[list[float]] | list[str]:
        """A vector for every row, in a form that Chroma takes on writes: numbers or base64."""
        if rows.embeddings is None:
            vectors = rows.vectors
            if vectors is None:
                vectors = await self.embedder.embed(rows.documents or [])
            return [base64.b64encode(vector).decode("ascii") for vector in vectors.astype("<f4", copy=False)]
        dimension = self.info.dimension or self.instance.settings.dimension
        for index, vector in enumerate(rows.embeddings):
            if len(vector) != dimension:
                raise invalid(
                    f"embeddings[{index}] has {len(vector)} numbers, and collection {self.info.name} takes {dimension}"
                )
        return rows.embeddings

    @property
    def embedder(self) -> Embedder:
        """The store's model.

        Raises:
            ApiError: 400 it has none, or one whose vectors do not fit here.
        """
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
        return embedder

    async def _post(self, verb: str, body: object) -> bytes:
        where = f"{path(self.database, self.info.id)}/{verb}"
        return (await self.instance.engine.request("POST", where, msgspec.json.encode(body))).unwrap()

    async def _ask(self, verb: str, body: object, answer: type[T]) -> T:
        return msgspec.json.decode(await self._post(verb, body), type=answer)


def path(database: str, *names: str) -> str:
    """Where the engine has a database's collections, or one of them."""
    return "/".join((DATABASES, database, "collections", *(quote(name, safe="") for name in names)))
