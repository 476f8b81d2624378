"""What a path of Chroma's API does to which collection."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote
from uuid import UUID


class Kind(Enum):
    """How a request has to be treated."""

    READ = auto()
    """Changes nothing: may run beside anything and be sent again."""
    QUERY = auto()
    """A read that can be made together with others."""
    ROWS = auto()
    """add, upsert, update: ordered within their collection, counted, committed together."""
    DELETE = auto()
    """Rows of one collection: ordered with the rows above."""
    MODIFY = auto()
    """A collection's name or settings: ordered with its rows."""
    MAKE = auto()
    """A new collection, database or tenant: in nobody's way."""
    DROP = auto()
    """A collection, a database or everything goes: waits for the writes under way and runs alone."""


REFUSE_KNOWN = "?known=refuse"
"""Ends the path of an add that shall be refused, not ignored, where an id is there already: of ours, not Chroma's."""


class Route(NamedTuple):
    """A request, told apart."""

    kind: Kind
    collection: str = ""
    """Its id, where the path names one."""
    verb: str = ""
    """add, upsert, update, delete, query or get."""
    path: str = ""
    """The path to send, with the collection's id in its one spelling."""


_COLLECTION = re.compile(r"/api/v2/tenants/[^/]+/databases/[^/]+/collections/([^/?]+)(?:/([^/?]+))?(?:\?.*)?")
_KINDS = {
    "query": Kind.QUERY,
    "get": Kind.READ,
    "search": Kind.READ,
    "add": Kind.ROWS,
    "upsert": Kind.ROWS,
    "update": Kind.ROWS,
    "delete": Kind.DELETE,
}


@lru_cache(maxsize=256)
def route(method: str, path: str) -> Route:
    """Tells a request apart by its method and its path as on the wire.

    Chroma takes a collection's id in any spelling of a UUID, percent-encoded or not. Order and quota go
    by the id, so from here on it has one.
    """
    if method == "GET":
        return Route(Kind.READ, path=path)
    if method == "DELETE" or path == "/api/v2/reset":
        return Route(Kind.DROP, path=path)
    found = _COLLECTION.fullmatch(path)
    if found is None:
        return Route(Kind.MAKE, path=path)
    id_ = _canonical(found[1])
    path = path[: found.start(1)] + quote(id_, safe="") + path[found.end(1) :]
    if method == "PUT" and found[2] is None:
        return Route(Kind.MODIFY, id_, path=path)
    if method == "POST" and found[2] in _KINDS:
        return Route(_KINDS[found[2]], id_, found[2], path)
    return Route(Kind.MAKE, path=path)


def _canonical(segment: str) -> str:
    name = unquote(segment)
    try:
        return str(UUID(name))
    except ValueError:
        return name
