"""Which web pages may call the tenant port: those of the origins in CORS_ORIGINS, and none by default.

A browser asks first (the preflight, an OPTIONS without a key) and shows a page only answers that name
its origin, so errors bear the headers too. Keys come in headers, not in cookies: no credentials are
allowed. Starlette has the same, and would load half of FastAPI at the start.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from vectorstore_instance.api.asgi import App, Message, Receive, Scope, Send, answer, refuse
from vectorstore_instance.core.errors import forbidden

ANY = "*"
METHODS = "GET, POST, PUT, PATCH, DELETE"
USUAL_HEADERS = b"authorization, content-type, x-chroma-token"
EXPOSED = b"chroma-trace-id, retry-after"
REMEMBER = "600"
"""Seconds a browser need not ask again."""

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443")


def origins(listed: str) -> frozenset[str]:
    """The origins in a comma-separated list, or `*` alone.

    Raises:
        ValueError: one that a browser would never send; says which and how it is written.
    """
    found = frozenset(part.strip() for part in listed.split(",") if part.strip())
    if found == {ANY}:
        return found
    for origin in found:
        if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin):
            raise ValueError(
                f"CORS_ORIGINS: {origin!r} is not an origin as browsers send it: https://host or http://host:port, in "
                "small letters, without a path, a default port or a slash at the end; or * alone for every page"
            )
    return found


def cors(app: App, allowed: frozenset[str]) -> App:
    """An application that pages of those origins may call."""
    if not allowed:
        return app

    async def opened(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        asked = {name: value for name, value in scope["headers"] if name in _ASKED}
        origin = asked.get(b"origin", b"").decode("latin-1")
        mine = ANY if ANY in allowed else origin if origin in allowed else ""
        if scope["method"] == "OPTIONS" and origin and b"access-control-request-method" in asked:
            await _preflight(send, origin, mine, asked.get(b"access-control-request-headers", USUAL_HEADERS))
        else:
            await app(scope, receive, _named(send, mine if origin else ""))

    return opened


_ASKED = frozenset({b"origin", b"access-control-request-method", b"access-control-request-headers"})


async def _preflight(send: Send, origin: str, mine: str, wanted: bytes) -> None:
    if not mine:
        await refuse(send, forbidden(f"origin: pages of {origin[:200]!r} may not call this store; see CORS_ORIGINS"))
        return
    headers = {
        "access-control-allow-origin": mine,
        "access-control-allow-methods": METHODS,
        "access-control-allow-headers": wanted.decode("latin-1"),
        "access-control-max-age": REMEMBER,
        "vary": "Origin, Access-Control-Request-Headers",
    }
    await answer(send, HTTPStatus.OK, b"", b"text/plain", headers.items())


def _named(send: Send, mine: str) -> Send:
    """A `send` that tells the browser whose pages may read the answer."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append((b"vary", b"Origin"))
            if mine:
                message["headers"].append((b"access-control-allow-origin", mine.encode("latin-1")))
                message["headers"].append((b"access-control-expose-headers", EXPOSED))
        await send(message)

    return named
