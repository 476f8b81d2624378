"""Chroma's v2 wire API: raw ASGI, the engine's bytes forwarded.

What needs no data is answered here and wakes no engine: heartbeat, version, pre-flight, identity, what
is no route and what a single node does not do (`mended`). Everything else goes to the engine by way of
`Engine.request`, which knows order, quota and retry.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec

from vectorstore_instance.api import mended
from vectorstore_instance.api.asgi import Receive, Scope, Send, answer, read_body
from vectorstore_instance.core.errors import ApiError, error_class, invalid
from vectorstore_instance.core.exchange import exchange_of
from vectorstore_instance.engine import Reply
from vectorstore_instance.engine.route import Kind, Route, route
from vectorstore_instance.instance import Instance

VERSION = "1.0.0"
"""What Chroma 1.5.9 says of itself; clients judge by it which routes there are."""

_GONE = ApiError(HTTPStatus.GONE, "Unimplemented", "The v1 API is deprecated. Please use /v2 apis")


async def heartbeat(_: Instance) -> object:
    """That somebody is here."""
    return {"nanosecond heartbeat": time.time_ns()}


async def version(_: Instance) -> object:
    """Which API this is."""
    return VERSION


async def healthcheck(instance: Instance) -> object:
    """Whether requests are served."""
    return {"is_executor_ready": instance.engine.ready, "is_log_client_ready": instance.engine.ready}


async def pre_flight_checks(instance: Instance) -> object:
    """What a client must know before its first write: this store's limit, and its engine's if that is elsewhere."""
    most = instance.limits.current.max_batch_rows
    if instance.settings.engine_url is None:
        return {"max_batch_size": most, "supports_base64_encoding": True}
    asked = await instance.engine.request("GET", "/api/v2/pre-flight-checks")
    theirs: dict[str, int] = msgspec.json.decode(asked.unwrap())
    return {**theirs, "max_batch_size": min(most, theirs.get("max_batch_size", most))}


async def identity(_: Instance) -> object:
    """Whose key this is: all of the store is its owner's."""
    return {"user_id": "", "tenant": "default_tenant", "databases": ["default_database"]}


OWN: dict[str, Callable[[Instance], Awaitable[object]]] = {
    "/api/v1/heartbeat": heartbeat,
    "/api/v2": heartbeat,
    "/api/v2/heartbeat": heartbeat,
    "/api/v2/version": version,
    "/api/v2/healthcheck": healthcheck,
    "/api/v2/pre-flight-checks": pre_flight_checks,
    "/api/v2/auth/identity": identity,
}
"""GET routes that the front answers by itself."""


async def serve(instance: Instance, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers one request of the wire API."""
    method: str = scope["method"]
    path: str = scope["path"]
    exchange = exchange_of(scope)
    own = OWN.get(path)
    if own is not None and method == "GET":
        exchange.route = "system"
        await answer(send, HTTPStatus.OK, msgspec.json.encode(await own(instance)))
        return
    if path.startswith("/api/v1/") and path != "/api/v1/":
        raise _GONE
    what = route(method, _wire_path(scope))
    exchange.route = what.label
    if what.kind is Kind.UNKNOWN:
        raise mended.no_route(method, what)
    if method in ("POST", "PUT", "PATCH"):
        _check_json(scope)
    if what.misnamed:
        raise invalid("Collection ID is not a valid UUIDv4")
    reply = await _ask(instance, method, what, await read_body(receive))
    if what.kind is Kind.DELETE and reply.ok:
        exchange.rows = msgspec.json.decode(reply.body)["deleted"]
    if not reply.ok:
        exchange.error = error_class(reply.body)
    await answer(send, reply.status, reply.body, reply.content_type, reply.headers)


async def _ask(instance: Instance, method: str, what: Route, body: bytes) -> Reply:
    if what.label == "reset":
        return await _reset(instance)
    if mended.lacks(what, elsewhere=instance.settings.engine_url is not None):
        raise mended.lacking(what)
    if what.kind is Kind.QUERY and (query := mended.wants_nothing(body)) is not None:
        return await mended.nothing_found(instance.engine, what, query)
    reply = await instance.engine.request(method, what.path, body)
    if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return await mended.mend(instance.engine, what, body, reply)
    if not (reply.ok or reply.body):
        raise mended.wordless(reply)
    return reply


async def _reset(instance: Instance) -> Reply:
    if not instance.settings.allow_reset:
        raise ApiError(HTTPStatus.FORBIDDEN, "ChromaError", "Reset is disabled by config: ALLOW_RESET is false")
    return await instance.engine.reset()


def _wire_path(scope: Scope) -> str:
    """Path and query string as they came.

    Raises:
        ApiError: 400 where they are not percent-encoded.
    """
    path: bytes = scope["raw_path"].partition(b"?")[0]
    query: bytes = scope["query_string"]
    try:
        return (path + b"?" + query if query else path).decode("ascii")
    except UnicodeDecodeError:
        raise invalid("the path or its query has bytes beyond ASCII; percent-encode them as UTF-8") from None


def _check_json(scope: Scope) -> None:
    """Refuses a body that says it is something else; one that says nothing is taken for JSON, as Chroma does."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind: bytes = value.partition(b";")[0].strip().lower()
            if kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json")):
                return
            raise ApiError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "ChromaError",
                "Expected request with `Content-Type: application/json`",
            )
