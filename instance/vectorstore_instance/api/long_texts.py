"""What is done with texts that are longer than the model reads: refused, split or cut, as the caller wants.

Split, a document becomes rows of its own (`chunked`). Cut, it is stored whole and found by its
beginning. Either way the answer says what was done, to which of them and how much.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from weakref import WeakValueDictionary

from fastapi import Query

from vectorstore_instance.api import chunked
from vectorstore_instance.api.collection import Collection, Row
from vectorstore_instance.api.columns import Rows
from vectorstore_instance.core.errors import malformed
from vectorstore_instance.embed import Embedder
from vectorstore_instance.models.fields import Where

Way = Literal["refuse", "chunk", "truncate"]

UNKNOWN_TOKENS = 512
"""Chunks have so many where it is not known what the model reads."""

_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
"""By collection: of two who replace a document's chunks at the same time, the later takes the earlier's away."""


async def way(
    chunk: Annotated[
        bool, Query(description="Splits texts that are longer than the model reads: the rows `id#0`, `id#1` ...")
    ] = False,
    truncate: Annotated[
        bool, Query(description="Stores such texts whole, embeds what the model reads, and says which they were.")
    ] = False,
) -> Way:
    """What to do with long documents, from the query string."""
    if chunk and truncate:
        raise malformed("chunk: true, and so is truncate; send one of them")
    return "chunk" if chunk else "truncate" if truncate else "refuse"


async def cut(
    truncate: Annotated[
        bool, Query(description="Asks with what the model reads of longer texts, and says which they were.")
    ] = False,
    chunk: Annotated[bool, Query(include_in_schema=False)] = False,
) -> bool:
    """What to do with long questions, from the query string."""
    if chunk:
        raise malformed("chunk: true, and a question cannot be split; send truncate=true or a shorter one")
    return truncate


async def write(target: Collection, rows: Rows, how: Way, *, update: bool) -> dict[str, Any]:
    """Stores documents and returns the answer: see `Collection.write`.

    Raises:
        ApiError: 422 where embeddings come with the documents, of which nothing can then be split or cut.
    """
    if how != "refuse" and (rows.embeddings is not None or rows.documents is None):
        raise malformed(f"{how}: true, and there are embeddings; send documents alone, or leave it out")
    if how == "chunk":
        return await _split(target, rows, update=update)
    if how == "refuse":
        ids = await target.write(rows, update=update)
        return {"ids": ids, "count": len(ids)}
    target.limit("documents", rows.count)
    read, truncated = await readable(target.embedder, rows.documents or [])
    ids = await target.write(replace(rows, vectors=await target.embedder.embed(read)), update=update)
    return {"ids": ids, "count": len(ids), "truncated": truncated}


async def ask(
    target: Collection, texts: list[str], n_results: int, where: Where | None, *, truncate: bool
) -> tuple[list[list[Row]], dict[str, Any]]:
    """The nearest documents for each text, and what to say of texts that were cut."""
    if not truncate:
        return await target.query(texts, n_results, where), {}
    read, truncated = await readable(target.embedder, texts)
    return await target.query(read, n_results, where), {"truncated": truncated}


async def readable(embedder: Embedder, texts: list[str]) -> tuple[list[str], list[dict[str, int]]]:
    """The texts as far as the model reads them, and which that leaves something of."""
    ends = await embedder.readable(texts)
    truncated = [
        {"index": index, "characters": len(text), "read": end}
        for index, (text, end) in enumerate(zip(texts, ends, strict=True))
        if end < len(text)
    ]
    return [text[:end] for text, end in zip(texts, ends, strict=True)], truncated


@dataclass
class _Chunks:
    """Columns of what is written."""

    ids: list[str]
    documents: list[str]
    metadatas: list[dict[str, Any] | None]


async def _split(target: Collection, rows: Rows, *, update: bool) -> dict[str, Any]:
    target.limit("documents", rows.count)
    if rows.ids and not update:
        await target.refuse_known(rows.ids)
    ids = rows.ids or [str(uuid.uuid4()) for _ in range(rows.count)]
    chunks, split = await _chunks(target, replace(rows, ids=ids))
    vectors = await target.embedder.embed(chunks.documents)
    made = Rows(chunks.documents, None, chunks.ids, chunks.metadatas, vectors)
    async with _locks.setdefault(target.info.id, asyncio.Lock()):
        await target.write(made, update=update)
        if update and rows.ids:
            # Until here old chunks are there, too, and a crash leaves them so: the same request again makes it right.
            new = set(chunks.ids)
            await target.delete_rows([name for name in await target.rows_of(ids) if name not in new])
    return {"ids": ids, "count": len(ids), "chunked": split}


async def _chunks(target: Collection, rows: Rows) -> tuple[_Chunks, list[dict[str, Any]]]:
    """The rows of documents, and which of them have several."""
    embedder = target.embedder
    size = embedder.max_tokens or UNKNOWN_TOKENS
    made = _Chunks([], [], [])
    split: list[dict[str, Any]] = []
    metadatas = rows.metadatas or [None] * rows.count
    for name, text, own in zip(rows.ids or (), rows.documents or (), metadatas, strict=True):
        taken = next((member for member in chunked.MEMBERS if own and member in own), None)
        if taken:
            raise malformed(f"metadatas: {taken!r} of {name!r} is where chunk=true keeps what it needs; rename it")
        parts = await embedder.split(text, size, 0)
        if len(parts) < 2:
            made.ids.append(name)
            made.documents.append(text)
            made.metadatas.append(dict(own) if own else None)
            continue
        split.append({"id": name, "chunks": len(parts)})
        for number, (start, end) in enumerate(parts):
            made.ids.append(chunked.row(name, number))
            made.documents.append(text[start:end])
            made.metadatas.append(chunked.metadata(name, number, start, own))
        target.limit("chunks", len(made.ids))
    return made, split
