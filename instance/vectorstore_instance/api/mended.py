"""Where Chroma's single node fails, hangs up or keeps silent, an answer that helps.

docs/chroma-api.md lists every such answer beside Chroma's own. Nothing here is on the way of a request
that succeeds, but for one look at the end of a query's body.
"""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from vectorstore_instance.core.errors import ApiError, invalid, not_found, too_large
from vectorstore_instance.engine import Engine, Reply
from vectorstore_instance.engine.route import Kind, Route
from vectorstore_instance.models import wire

LACKING = {
    "search": "search is of distributed Chroma alone; POST .../query finds the nearest records here",
    "fork": "collections are forked by distributed Chroma alone; read this one with get and write another with add",
    "function": "functions are of distributed Chroma alone; do the work in the client",
    "tenant": "a tenant has nothing here that could be changed: its resource name is of Chroma Cloud alone",
    "collection": "resource names are of Chroma Cloud alone; "
    "GET .../tenants/TENANT/databases/DATABASE/collections/NAME finds a collection",
}
"""What a single node does not do, by the route's label: said without waking the engine."""

_ELSEWHERE = ("search", "fork", "function")
"""Of those, what another server at ENGINE_URL may do."""

_CRN = re.compile("[^:]+:[^:]+:[^:]+")
_TOO_MANY_VALUES = b"too many SQL variables"
_UNKNOWN_ID = b"Error finding id"
_NAME_TAKEN = b"UNIQUE constraint failed: collections.name"
_MEMBER = b'"n_results"'
_ZERO = re.compile(rb'"n_results"\s*:\s*-?0(?:\.0*)?\s*[,}]')


class _Found(msgspec.Struct):
    ids: list[str]


_found = msgspec.json.Decoder(_Found)


def lacks(what: Route, elsewhere: bool) -> bool:
    """Whether the engine does not do this.

    Args:
        what: the request.
        elsewhere: whether the engine is another server, which may be more than a single node.
    """
    return what.kind is Kind.LACKING and not (elsewhere and what.label in _ELSEWHERE)


def lacking(what: Route) -> ApiError:
    """The refusal of something that this Chroma does not do."""
    name = what.path.rpartition("/")[2]
    if what.path.startswith("/api/v2/collections/") and not _CRN.fullmatch(name.replace("%3A", ":")):
        return invalid(f"crn: {name!r} is not TENANT_RESOURCE_NAME:DATABASE:COLLECTION")
    return ApiError(HTTPStatus.NOT_IMPLEMENTED, "ChromaError", LACKING[what.label])


def no_route(method: str, what: Route) -> ApiError:
    """404 or 405 for what is no route, or not with this method; Chroma's own have no body."""
    path = what.path.partition("?")[0]
    if not what.allow:
        return not_found(f"{method} {path} is not a route of Chroma's v2 API")
    message = f"{path} takes {what.allow.replace(',', ', ')}, not {method}"
    return ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "InvalidArgumentError", message, {"allow": what.allow})


def wants_nothing(body: bytes) -> wire.Query | None:
    """The query, if it wants no results: the engine would hang up on it instead of answering.

    The clients write `n_results` behind the vectors, so looking from the end takes no time.
    """
    at = body.rfind(_MEMBER)
    if at < 0 or _ZERO.match(body, at) is None:
        return None
    query = wire.decode(wire.query, body, "query")
    return None if query.n_results else query


async def nothing_found(engine: Engine, what: Route, query: wire.Query) -> Reply:
    """Asks for one result, so that everything else is checked, and gives none."""
    query.n_results = 1
    body = wire.encode(query)
    reply = await engine.request("POST", what.path, body)
    if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        reply = await mend(engine, what, body, reply)
    if not reply.ok:
        return reply
    answer = wire.answer.decode(reply.body)
    for name, column in answer.columns():
        if column is not None:
            setattr(answer, name, [msgspec.Raw(b"[]")] * len(column))
    return Reply(reply.status, msgspec.json.encode(answer))


async def mend(engine: Engine, what: Route, body: bytes, reply: Reply) -> Reply:
    """A better answer for what the engine calls an internal error, where there is one.

    Raises:
        ApiError: 413 for more ids or values of `where` than SQLite can bind; 409 for a new name that is taken;
            501 where another server does not say how far its index has come.
    """
    if what.kind is Kind.INDEXING:
        raise ApiError(HTTPStatus.NOT_IMPLEMENTED, "ChromaError", "the engine of this store does not say how far it is")
    if _TOO_MANY_VALUES in reply.body:
        raise too_large("ids, where: more values than SQLite takes in one request (32,766); ask for fewer at once")
    if _NAME_TAKEN in reply.body:
        message = "new_name: another collection has this name; choose one that is free"
        raise ApiError(HTTPStatus.CONFLICT, "ChromaError", message)
    if what.kind is Kind.QUERY and _UNKNOWN_ID in reply.body:
        return await _among_known(engine, what, wire.decode(wire.query, body, "query")) or reply
    return reply


def wordless(reply: Reply) -> ApiError:
    """Words for a refusal that comes without any: of Chroma's, a path that its HTTP library cannot read."""
    if reply.status == HTTPStatus.BAD_REQUEST:
        return invalid("the path or its query has a character that must be percent-encoded; encode all but letters")
    return ApiError(reply.status, "ChromaError", f"the engine refuses this with {reply.status} and does not say why")


async def _among_known(engine: Engine, what: Route, query: wire.Query) -> Reply | None:
    """The answer to a query among given ids, some of which are not there, as if only the others had been given."""
    path = what.path.partition("?")[0].removesuffix("query") + "get"
    asked = msgspec.json.encode({"ids": query.ids, "include": []})
    known = _found.decode((await engine.request("POST", path, asked)).unwrap()).ids
    if len(known) == len(set(query.ids or ())):
        return None
    query.ids = known
    return await engine.request("POST", what.path, wire.encode(query))
