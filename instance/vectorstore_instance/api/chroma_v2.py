"""Chroma's v2 wire API: raw ASGI, the engine's bytes forwarded.

What needs no data is answered here and wakes no engine: heartbeat, version, pre-flight, identity.
Everything else goes to the engine by way of `Engine.request`, which knows order, quota and retry.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from vectorstore_instance.api.asgi import Receive, Scope, Send, answer, read_body
from vectorstore_instance.core.errors import ApiError, not_found
from vectorstore_instance.engine import Reply
from vectorstore_instance.instance import Instance

VERSION = "1.0.0"
"""What Chroma 1.5.9 says of itself; clients judge by it which routes there are."""

_GONE = ApiError(HTTPStatus.GONE, "Unimplemented", "The v1 API is deprecated. Please use /v2 apis")


def heartbeat(_: Instance) -> object:
    """That somebody is here."""
    return {"nanosecond heartbeat": time.time_ns()}


def version(_: Instance) -> object:
    """Which API this is."""
    return VERSION


def healthcheck(instance: Instance) -> object:
    """Whether requests are served."""
    return {"is_executor_ready": instance.engine.ready, "is_log_client_ready": instance.engine.ready}


def pre_flight_checks(instance: Instance) -> object:
    """What a client must know before its first write."""
    return {"max_batch_size": instance.limits.current.max_batch_rows, "supports_base64_encoding": True}


def identity(_: Instance) -> object:
    """Whose key this is: all of the store is its owner's."""
    return {"user_id": "", "tenant": "default_tenant", "databases": ["default_database"]}


OWN: dict[str, Callable[[Instance], object]] = {
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
    own = OWN.get(path)
    if own is not None and method == "GET":
        await answer(send, HTTPStatus.OK, msgspec.json.encode(own(instance)))
        return
    if path.startswith("/api/v1/"):
        raise _GONE
    if not path.startswith("/api/v2/"):
        raise not_found(f"{path} is not a route of Chroma's v2 API")
    body = await read_body(receive)
    if path == "/api/v2/reset" and method == "POST":
        reply = await _reset(instance)
    else:
        raw: bytes = scope["raw_path"]
        query: bytes = scope["query_string"]
        wire_path = raw.partition(b"?")[0] + (b"?" + query if query else b"")
        reply = await instance.engine.request(method, wire_path.decode("ascii"), body)
    if not reply.body and reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        raise ApiError(reply.status, "NotFoundError", f"{method} {path} is not a route of Chroma's v2 API")
    await answer(send, reply.status, reply.body, reply.content_type)


async def _reset(instance: Instance) -> Reply:
    if not instance.settings.allow_reset:
        raise ApiError(HTTPStatus.FORBIDDEN, "ChromaError", "Reset is disabled by config: ALLOW_RESET is false")
    return await instance.engine.reset()
