"""Chroma's v2 API for callers who have one database to themselves.

They use it as everybody else does: what they ask of the default database is served from theirs, which
also has its own name. Nothing else of the store is there for them: a path is let through for what it
is known to be, and refused otherwise.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote, unquote

import msgspec

from vectorstore_instance.api import chroma_v2
from vectorstore_instance.api.asgi import Receive, Scope, Send, answer
from vectorstore_instance.core.errors import forbidden, not_found
from vectorstore_instance.core.exchange import Caller, exchange_of
from vectorstore_instance.engine import DATABASES
from vectorstore_instance.engine.databases import DEFAULT
from vectorstore_instance.engine.route import route
from vectorstore_instance.instance import Instance

IDENTITY = "/api/v2/auth/identity"
TENANT = DATABASES.removesuffix("/databases")
OPEN = frozenset(
    {"/api/v2", "/api/v2/heartbeat", "/api/v2/version", "/api/v2/healthcheck", "/api/v2/pre-flight-checks", TENANT}
)
"""What says nothing about databases."""


async def serve(instance: Instance, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers one request of a caller whose `database` is set."""
    method: str = scope["method"]
    path: str = scope["path"]
    exchange = exchange_of(scope)
    if path == IDENTITY and method == "GET":
        exchange.route = "system"
        whose = {"user_id": caller.name, "tenant": "default_tenant", "databases": [caller.database]}
        await answer(send, HTTPStatus.OK, msgspec.json.encode(whose))
    elif path == DATABASES and method == "GET":
        exchange.route = route(method, path).label
        database = await instance.databases.of(caller)
        reply = await instance.engine.request("GET", f"{DATABASES}/{database}")
        await answer(send, HTTPStatus.OK, b"[" + reply.unwrap() + b"]")
    else:
        inside = (path in OPEN and method == "GET") or not path.startswith("/api/v2")
        await chroma_v2.serve(instance, scope if inside else await _moved(instance, caller, scope), receive, send)


async def _moved(instance: Instance, caller: Caller, scope: Scope) -> Scope:
    """The same request within the caller's own database.

    Raises:
        ApiError: 403 it is not about that database, 404 about a collection that is not in it.
    """
    method: str = scope["method"]
    raw: bytes = scope["raw_path"]
    parts = [unquote(part) for part in raw.partition(b"?")[0].decode("latin-1").split("/")]
    head, database, rest = "/".join(parts[:6]), parts[6:7], parts[7:]
    if head != DATABASES or database not in ([DEFAULT], [caller.database]) or (not rest and method != "GET"):
        raise forbidden(
            f"{method} {scope['path']}: this caller has the database {caller.database} of the tenant default_tenant, "
            "which may be called default_database, and nothing else"
        )
    own = await instance.databases.of(caller)
    if {"", ".", ".."} & set(rest):
        raise not_found(f"{scope['path']} is not a route of Chroma's v2 API")
    named = _id_in(method, rest)
    if named is not None and not await instance.databases.holds(own, named):
        raise not_found(f"Collection [{named}] does not exist")
    path = "/".join((DATABASES, own, *rest))
    return {**scope, "path": path, "raw_path": "/".join((DATABASES, own, *map(_quoted, rest))).encode()}


def _id_in(method: str, rest: list[str]) -> str | None:
    """The id of the collection that a path names by its id; None where it names it otherwise or none."""
    if rest[:1] != ["collections"] or len(rest) < 2:
        return None
    if len(rest) == 2:
        return rest[1] if method == "PUT" else None  # the others go by name
    if rest[1] == "by-id" and len(rest) == 3 and method == "GET":
        return None  # the engine looks where it is by itself
    return rest[1]


def _quoted(part: str) -> str:
    return quote(part, safe="")
