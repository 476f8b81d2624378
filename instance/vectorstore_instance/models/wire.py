"""Bodies of Chroma's wire protocol, read only as far as the front needs to.

Vectors, metadata and texts stay `msgspec.Raw`: slices of what the client sent, forwarded as they
are. No number is parsed on the way in or out, so none can change.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from vectorstore_instance.core.errors import ApiError, invalid

T = TypeVar("T")

ABSENT = Raw(b"")


class Rows(Struct):
    """Body of add, upsert and update."""

    ids: list[str]
    embeddings: list[Raw] | None = None
    metadatas: list[Raw] | None = None
    documents: list[Raw] | None = None
    uris: list[Raw] | None = None

    def columns(self) -> list[tuple[str, list[Raw] | None]]:
        """What there may be beside the ids."""
        return [
            ("embeddings", self.embeddings),
            ("metadatas", self.metadatas),
            ("documents", self.documents),
            ("uris", self.uris),
        ]


class _Ids(Struct):
    ids: list[str] = []


_ids = Decoder(_Ids)


def count_ids(body: bytes) -> int:
    """How many rows a body of add, upsert or update names; 0 for one that is not well-formed."""
    try:
        return len(_ids.decode(body).ids)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


class Delete(Struct):
    """Body of delete."""

    ids: list[str] | None = None
    where: Raw = ABSENT
    where_document: Raw = ABSENT
    limit: int | None = None


class Query(Struct):
    """Body of query."""

    query_embeddings: list[Raw]
    n_results: int = 10
    ids: list[str] | None = None
    where: Raw = ABSENT
    where_document: Raw = ABSENT
    include: Raw = ABSENT


class QueryAnswer(Struct):
    """Answer to a query: a list per queried vector in every column that was asked for."""

    ids: list[Raw]
    include: Raw
    embeddings: list[Raw] | None = None
    documents: list[Raw] | None = None
    uris: list[Raw] | None = None
    metadatas: list[Raw] | None = None
    distances: list[Raw] | None = None

    def columns(self) -> list[tuple[str, list[Raw] | None]]:
        """Every column by name, in the order Chroma writes them."""
        return [
            ("ids", self.ids),
            ("embeddings", self.embeddings),
            ("documents", self.documents),
            ("uris", self.uris),
            ("metadatas", self.metadatas),
            ("distances", self.distances),
        ]


class Create(Struct):
    """Body of a new collection, as far as retrying it is concerned."""

    name: str
    get_or_create: bool = False


class Made(Struct):
    """Answer to the making of a collection, as far as it is counted."""

    id: str


rows = Decoder(Rows)
delete = Decoder(Delete)
query = Decoder(Query)
answer = Decoder(QueryAnswer)
create = Decoder(Create)
made = Decoder(Made)


def decode(decoder: Decoder[T], body: bytes, what: str) -> T:
    """Reads a body, or says what is wrong with it.

    Raises:
        ApiError: 422 for JSON of another shape, 400 for what is no JSON: bad syntax, bad UTF-8, or
            lists in lists beyond what any parser follows.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as problem:
        # Not `malformed`: Chroma calls this class of its own when a body has another shape.
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "ChromaError", f"{what}: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise invalid(f"{what}: the body is not JSON: {problem}") from None


def encode(query: Query) -> bytes:
    """The body of a query that was read and changed."""
    members = {"n_results": query.n_results, "query_embeddings": query.query_embeddings}
    optional = {name: getattr(query, name) for name in ("where", "where_document", "include")}
    members |= {name: raw for name, raw in optional.items() if present(raw)}
    return msgspec.json.encode(members if query.ids is None else members | {"ids": query.ids})


def present(raw: Raw) -> bytes:
    """The bytes of an optional member; empty when it is left out or null."""
    text = bytes(raw)
    return b"" if text == b"null" else text
