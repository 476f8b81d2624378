"""What a request of Chroma's API is: the one table of its routes, and how each has to be treated."""

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
    INDEXING = auto()
    """How far a collection's index has come: known from the tables."""
    LACKING = auto()
    """What a single node of Chroma 1.5.9 does not do: its answer is 501, 500 or a dropped connection."""
    UNKNOWN = auto()
    """No route of Chroma's v2 API, or not with this method."""


REFUSE_KNOWN = "?known=refuse"
"""Ends the path of an add that shall be refused, not ignored, where an id is there already: of ours, not Chroma's."""


class Route(NamedTuple):
    """A request, told apart."""

    kind: Kind
    collection: str = ""
    """Its id, where the path names one."""
    verb: str = ""
    """What is done with the collection's rows: add, upsert, update, delete, query, get, count ..."""
    path: str = ""
    """The path to send, with the collection's id in its one spelling."""
    label: str = "other"
    """The request in one of few words, for metrics: the verb, or what it is about."""
    allow: str = ""
    """Where the method is not the route's: those that are."""
    misnamed: bool = False
    """Whether the collection's id is no UUID."""


_DATABASE = "/api/v2/tenants/*/databases/*"
_COLLECTIONS = f"{_DATABASE}/collections"
_COLLECTION = f"{_COLLECTIONS}/*"

_ROUTES: dict[str, dict[str, tuple[Kind, str]]] = {
    f"{_COLLECTION}/query": {"POST": (Kind.QUERY, "query")},
    f"{_COLLECTION}/get": {"POST": (Kind.READ, "get")},
    f"{_COLLECTION}/upsert": {"POST": (Kind.ROWS, "upsert")},
    f"{_COLLECTION}/add": {"POST": (Kind.ROWS, "add")},
    f"{_COLLECTION}/update": {"POST": (Kind.ROWS, "update")},
    f"{_COLLECTION}/delete": {"POST": (Kind.DELETE, "delete")},
    f"{_COLLECTION}/count": {"GET": (Kind.READ, "count")},
    f"{_COLLECTION}/indexing_status": {"GET": (Kind.INDEXING, "indexing")},
    f"{_COLLECTION}/search": {"POST": (Kind.LACKING, "search")},
    f"{_COLLECTION}/fork": {"POST": (Kind.LACKING, "fork")},
    f"{_COLLECTION}/fork_count": {"GET": (Kind.LACKING, "fork")},
    f"{_COLLECTION}/functions/attach": {"POST": (Kind.LACKING, "function")},
    f"{_COLLECTION}/functions/*": {"GET": (Kind.LACKING, "function")},
    f"{_COLLECTION}/attached_functions/*/detach": {"POST": (Kind.LACKING, "function")},
    f"{_COLLECTIONS}/by-id/*": {"GET": (Kind.READ, "collection")},
    _COLLECTION: {
        "GET": (Kind.READ, "collection"),
        "PUT": (Kind.MODIFY, "collection"),
        "DELETE": (Kind.DROP, "collection"),
    },
    _COLLECTIONS: {"GET": (Kind.READ, "collection"), "POST": (Kind.MAKE, "collection")},
    f"{_DATABASE}/collections_count": {"GET": (Kind.READ, "collection")},
    _DATABASE: {"GET": (Kind.READ, "database"), "DELETE": (Kind.DROP, "database")},
    "/api/v2/tenants/*/databases": {"GET": (Kind.READ, "database"), "POST": (Kind.MAKE, "database")},
    "/api/v2/tenants/*": {"GET": (Kind.READ, "tenant"), "PATCH": (Kind.LACKING, "tenant")},
    "/api/v2/tenants": {"POST": (Kind.MAKE, "tenant")},
    "/api/v2/collections/*": {"GET": (Kind.LACKING, "collection")},
    "/api/v2/reset": {"POST": (Kind.DROP, "reset")},
    "/api/v2": {"GET": (Kind.READ, "system")},
    "/api/v2/heartbeat": {"GET": (Kind.READ, "system")},
    "/api/v2/healthcheck": {"GET": (Kind.READ, "system")},
    "/api/v2/version": {"GET": (Kind.READ, "system")},
    "/api/v2/pre-flight-checks": {"GET": (Kind.READ, "system")},
    "/api/v2/auth/identity": {"GET": (Kind.READ, "system")},
}
"""Every v2 route of Chroma 1.5.9, from its own /openapi.json: method, kind and label."""

_PATTERNS = [(re.compile(template.replace("*", "([^/]+)")), methods) for template, methods in _ROUTES.items()]
_BY_NAME = (Kind.DROP, Kind.READ)
"""Kinds of the requests for one collection that name it instead of giving its id."""


@lru_cache(maxsize=256)
def route(method: str, path: str) -> Route:
    """Tells a request apart by its method and its path as on the wire.

    Chroma takes a collection's id in any spelling of a UUID, percent-encoded or not. Order and quota go
    by the id, so from here on it has one.
    """
    bare, mark, query = path.partition("?")
    for pattern, methods in _PATTERNS:
        if (found := pattern.fullmatch(bare)) is None:
            continue
        if method not in methods:
            return Route(Kind.UNKNOWN, path=path, allow=",".join((*methods, "HEAD") if "GET" in methods else methods))
        kind, label = methods[method]
        groups = found.groups()
        if len(groups) < 3 or (label == "collection" and kind in _BY_NAME):
            return Route(kind, path=path, label=label)
        name = unquote(groups[2])
        id_ = _canonical(name)
        bare = bare[: found.start(3)] + quote(id_ or name, safe="") + bare[found.end(3) :]
        return Route(kind, id_ or name, "" if label == "collection" else label, bare + mark + query, label, "", not id_)
    return Route(Kind.UNKNOWN, path=path)


def _canonical(name: str) -> str:
    """The one spelling of a UUID; empty for what is none."""
    try:
        return str(UUID(name))
    except ValueError:
        return ""
