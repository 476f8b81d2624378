"""What a path of Chroma's API does to which collection."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple


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


class Route(NamedTuple):
    """A request, told apart."""

    kind: Kind
    collection: str = ""
    """Its id, where the path names one."""
    verb: str = ""
    """add, upsert, update, delete, query or get."""


_COLLECTION = re.compile(r"/api/v2/tenants/[^/]+/databases/[^/]+/collections/([^/?]+)(?:/([a-z_]+))?(?:\?.*)?")
_KINDS = {
    "query": Kind.QUERY,
    "get": Kind.READ,
    "search": Kind.READ,
    "add": Kind.ROWS,
    "upsert": Kind.ROWS,
    "update": Kind.ROWS,
    "delete": Kind.DELETE,
}


def route(method: str, path: str) -> Route:
    """Tells a request apart by its method and its path as on the wire."""
    if method == "GET":
        return Route(Kind.READ)
    if method == "DELETE" or path == "/api/v2/reset":
        return Route(Kind.DROP)
    found = _COLLECTION.fullmatch(path)
    if found is not None and method == "PUT":
        return Route(Kind.MODIFY, found[1])
    if found is not None and method == "POST" and found[2] in _KINDS:
        return Route(_KINDS[found[2]], found[1], found[2])
    return Route(Kind.MAKE)
