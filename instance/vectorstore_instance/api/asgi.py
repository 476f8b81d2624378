"""The few things raw ASGI needs on the hot paths: reading a body within its limits, sending an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import monotonic
from typing import Any

from vectorstore_instance.core.admission import Place
from vectorstore_instance.core.errors import ApiError, invalid, too_large, too_slow

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

GRACE_SECONDS = 10
"""Seconds that a body may take whatever its size."""
LEAST_RATE = 16 << 10
"""Bytes per second at which a body must come on average once those are over."""
BODY_SECONDS = 300
"""Seconds within which the whole of a body must be here."""

BLOCK = 64 << 10
"""Bytes of an answer that the server is given at once: with more than that unread, it asks to wait."""


class Disconnected(Exception):
    """The client went away before it had sent its request."""


def limited(receive: Receive, scope: Scope, most: int, place: Place | None = None) -> Receive:
    """A `receive` for a body that is neither too large nor too slow, and takes its place when it is all there.

    Its pace is looked at whenever a part comes. So that one who sends nothing more is noticed, too, the server
    gives an empty part now and then (`connection`).

    Args:
        receive: where the body comes from.
        scope: whose headers may announce it.
        most: bytes it may have.
        place: the request's, where places are limited.

    Raises:
        ApiError: 413, at its announcement or when the bytes come; 408 for one that does not come fast enough;
            400 for a length that is no number; 429 where there is no place.
    """
    announced = _announced(scope["headers"])
    if announced is not None:
        _check(announced, most)
    arrived = announced == 0
    if arrived and place:
        place.take()
    began = monotonic()
    seen = 0

    async def counted() -> Message:
        nonlocal seen, arrived
        message = await receive()
        if arrived:  # what comes yet is the end of the connection
            return message
        size = len(message.get("body", b""))
        seen += size
        _check(seen, most)
        if place:
            place.receive(size)
        if message["type"] != "http.request" or message.get("more_body"):
            _check_pace(seen, monotonic() - began)
        else:
            arrived = True
            if place:
                place.take()
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


async def send_in_blocks(send: Send, message: Message) -> None:
    """Sends a part of an answer; returns when all but some blocks of it have left.

    What the server is given waits in memory until its reader takes it, so a large part is given bit by bit: the
    request is under way meanwhile, and counts.
    """
    body: bytes = message.get("body", b"")
    if len(body) > BLOCK:
        for at in range(0, len(body), BLOCK):
            await send({**message, "body": body[at : at + BLOCK], "more_body": True})
        message = {**message, "body": b""}
    await send(message)


async def refuse(send: Send, error: ApiError) -> None:
    """Sends an error in Chroma's shape."""
    await answer(send, error.status, error.body, headers=error.headers.items())


def _check(size: int, most: int) -> None:
    if size > most:
        raise too_large(
            f"the body has {size} bytes or more, and {most} are allowed (max_body_bytes); send less at once"
        )


def _check_pace(seen: int, seconds: float) -> None:
    if seconds > min(GRACE_SECONDS + seen / LEAST_RATE, BODY_SECONDS):
        raise too_slow(
            f"the body: {seen} bytes came within {seconds:.0f} s; send at least {LEAST_RATE} bytes per second after "
            f"the first {GRACE_SECONDS} s, and all within {BODY_SECONDS} s, or send less at once"
        )


def _announced(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """How many bytes the headers say will come; None where they leave it open."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            if not value.isdigit():
                raise invalid(f"content-length: {value!r} is not a number")
            length = int(value)
    return length
