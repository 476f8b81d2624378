"""`/admin/restore`: an archive for a store that waits for one (RESTORING), and how far it is.

POST /admin/restore   the archive as body -> 200 when the store serves what was in it
POST /admin/restore?replace=true   the same for a store that holds data, which go; it ends, to be started again
POST /admin/restore?...&run=RUN   the same once only: where RUN is what the data came by already, nothing happens
GET  /admin/restore   {"phase": "waiting", "receivedBytes": 0, "error": null}, and "restored" once it is done

Whoever sends an archive again that is in place already gets 200 as well: the first answer may have got lost.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import CancelledError, Future
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec

from vectorstore_instance.api.asgi import Message, Receive, Scope
from vectorstore_instance.archive import ArchiveError
from vectorstore_instance.core.errors import ApiError, invalid, not_found
from vectorstore_instance.instance import Instance

PATH = "/admin/restore"
_RUN = re.compile(r"[A-Za-z0-9-]{0,64}")


async def respond(instance: Instance, scope: Scope, receive: Receive) -> bytes:
    """Answers a request that has shown the admin key.

    Raises:
        ApiError: 400, 409, 422, 501, 503, 507; says what is wrong with the archive, and nothing is left of it.
    """
    if instance.restore is None:
        raise ApiError(HTTPStatus.NOT_IMPLEMENTED, "ChromaError", "this instance holds no files: ask its leader")
    if scope["method"] == "POST":
        replace, run = _asked(scope)
        body = Incoming(receive)
        try:
            await instance.restore.take(body, replace=replace, run=run)
        finally:
            body.close()
    elif scope["method"] != "GET":
        raise not_found(f"{scope['method']} {PATH} is not a route of the management port")
    return msgspec.json.encode(instance.restore.state())


def _asked(scope: Scope) -> tuple[bool, str]:
    asked: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    replace, run = asked.pop("replace", "false"), asked.pop("run", "")
    if asked or replace not in ("true", "false") or not _RUN.fullmatch(run):
        raise invalid(
            f"{scope['query_string'].decode('latin-1')[:80]!r}: this route takes replace=true and run, of up to 64 "
            "letters, digits and hyphens, or nothing"
        )
    return replace == "true", run


class Incoming:
    """A request's body for a thread that reads it; no more of it is taken in than was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._left = b""
        self._ended = self._closed = False
        self._waiting: Future[Message] | None = None

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end.

        Raises:
            ArchiveError: whoever sends it has gone, or it was given up.
        """
        while not self._left and not self._ended:
            self._take(self._next())
        block, self._left = self._left[:size], self._left[size:]
        return block

    def close(self) -> None:
        """Gives the rest up."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()

    def _next(self) -> Message:
        if self._closed:
            raise ArchiveError("it was given up in its middle; send it again")
        self._waiting = asyncio.run_coroutine_threadsafe(_awaited(self._receive), self._loop)
        try:
            return self._waiting.result()
        except CancelledError:
            raise ArchiveError("it was given up in its middle; send it again") from None

    def _take(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            raise ArchiveError("the connection ended in its middle; send it again")
        self._left = message.get("body", b"")
        self._ended = not message.get("more_body")


async def _awaited(receive: Receive) -> Message:
    return await receive()
