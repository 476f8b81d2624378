"""The few things raw ASGI needs on the hot paths: reading a body within its limit, sending an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from vectorstore_instance.core.errors import ApiError, invalid, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Disconnected(Exception):
    """The client went away before it had sent its request."""


def limited(receive: Receive, scope: Scope, most: int) -> Receive:
    """A `receive` that gives up on a body of more than so many bytes, at its announcement if it has one.

    Raises:
        ApiError: 413, at once or when the bytes come; 400 for a length that is no number.
    """
    for name, value in scope["headers"]:
        if name == b"content-length":
            _check(_number(value), most)
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        _check(seen, most)
        return message

    return counted


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request.

    Raises:
        Disconnected: the client went away.
    """
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def answer(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes = b"application/json",
    headers: Iterable[tuple[str, str]] = (),
) -> None:
    """Sends a whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                *((name.encode(), value.encode()) for name, value in headers),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, error: ApiError) -> None:
    """Sends an error in Chroma's shape."""
    await answer(send, error.status, error.body, headers=error.headers.items())


def _check(size: int, most: int) -> None:
    if size > most:
        raise too_large(f"the body has {size} bytes or more, and {most} are allowed; send less at once")


def _number(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise invalid(f"content-length: {value!r} is not a number") from None
