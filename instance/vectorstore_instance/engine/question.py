"""What a query asks, and how several become one: pure functions on wire bodies.

A merged query asks the engine for ids and distances; texts and metadata are filled in from the tables
(`records`), where they are here and not too many. No number of a vector or a distance is parsed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import records
from vectorstore_instance.models import wire

_Column = Literal["distances", "documents", "embeddings", "metadatas", "uris"]
_INCLUDE = msgspec.json.Decoder(list[_Column])
_IDS = msgspec.json.Decoder(list[str])
_DEFAULT = b'["documents","metadatas","distances"]'
_OURS = ("documents", "metadatas", "uris")


class Lean(NamedTuple):
    """How a query is asked of the engine where rows are read from the tables."""

    include: bytes
    """What the engine is asked for."""
    ours: tuple[str, ...]
    """Columns that are filled in."""
    told: msgspec.Raw
    """What the answer says was asked for."""


def parse(body: bytes) -> wire.Query | None:
    """The query that can be made together with others; None for one that cannot, or that the engine must refuse."""
    try:
        query = wire.decode(wire.query, body, "query")
    except ApiError:
        return None
    return query if query.ids is None and query.query_embeddings else None


def key(query: wire.Query) -> tuple[object, ...]:
    """What must be equal in queries that become one."""
    return (query.n_results, *map(wire.present, (query.where, query.where_document, query.include)))


def rows(queries: list[wire.Query]) -> int:
    """How many rows they find at most."""
    return sum(query.n_results * len(query.query_embeddings) for query in queries)


def lean(queries: list[wire.Query]) -> Lean | None:
    """How to ask for queries that become one; None where the engine had better answer by itself."""
    if rows(queries) > records.MOST:
        return None
    return _lean(wire.present(queries[0].include) or _DEFAULT)


@lru_cache(maxsize=64)
def _lean(include: bytes) -> Lean | None:
    try:
        columns = _INCLUDE.decode(include)
    except msgspec.MsgspecError:
        return None
    ours = tuple(name for name in _OURS if name in columns)
    if not ours:
        return None
    asked = [name for name in columns if name not in ours]
    return Lean(msgspec.json.encode(asked), ours, msgspec.Raw(msgspec.json.encode(columns)))


def merge(queries: list[wire.Query], include: bytes | None = None) -> bytes:
    """One body for several queries, with an include of our own where it is given."""
    first = queries[0]
    vectors = b",".join(bytes(vector) for query in queries for vector in query.query_embeddings)
    parts = [b'{"query_embeddings":[', vectors, b'],"n_results":%d' % first.n_results]
    for name in ("where", "where_document"):
        if value := wire.present(getattr(first, name)):
            parts.append(b',"%s":%s' % (name.encode(), value))
    if value := include if include is not None else wire.present(first.include):
        parts.append(b',"include":%s' % value)
    return b"".join((*parts, b"}"))


def fill(answer: wire.QueryAnswer, lean: Lean, collection: str, rows: records.Records) -> bool:
    """Puts texts, metadata and URIs into an answer that has none.

    Returns:
        False where a row is not there any more, or they are too long.
    """
    found = [_IDS.decode(raw) for raw in answer.ids]
    known = rows.of(collection, {id_ for ids in found for id_ in ids})
    if known is None:
        return False
    try:
        for name in lean.ours:
            setattr(answer, name, [msgspec.Raw(records.column(known, ids, name)) for ids in found])
    except KeyError:
        return False
    answer.include = lean.told
    return True


def split(merged: wire.QueryAnswer, widths: list[int]) -> list[bytes]:
    """Cuts one answer into those of its queries.

    Args:
        merged: the engine's answer to the merged query.
        widths: how many vectors each query had, in the order they were merged.

    Returns:
        An answer per query, made of the engine's own bytes.
    """
    include = bytes(merged.include)
    answers = []
    start = 0
    for width in widths:
        parts = [b'"%s":%s' % (name.encode(), _cut(column, start, start + width)) for name, column in merged.columns()]
        answers.append(b"{" + b",".join((*parts, b'"include":' + include)) + b"}")
        start += width
    return answers


def _cut(column: list[msgspec.Raw] | None, start: int, end: int) -> bytes:
    return b"null" if column is None else b"[" + b",".join(map(bytes, column[start:end])) + b"]"
