"""A lean HTTP/1.1 client for one upstream: a pool of kept connections, whole bodies in and out.

Measured against aiohttp on this path: 0.23 ms of CPU less per request, which at one client is a
tenth of a query. Parsing is httptools', the same parser that uvicorn uses on the other side.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import httptools

from vectorstore_instance.core.tls import Trust
from vectorstore_instance.engine.reply import Reply

_CONNECT_SECONDS = 5.0


TLS = Callable[[], Trust]
"""What verifies the next connection's other end."""


class UpstreamLost(Exception):
    """The upstream closed, refused or broke the connection before it answered."""

    def __init__(self, why: str, *, reached: bool = True) -> None:
        """
        Args:
            why: what happened.
            reached: whether there was a connection, so that the request may have been carried out.
        """
        super().__init__(why)
        self.reached = reached


class UpstreamSlow(UpstreamLost):
    """The upstream did not answer in time."""


class _Connection(asyncio.Protocol):
    """One kept connection; carries one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport = asyncio.Transport()
        self.reusable = True
        self._answer: asyncio.Future[Reply] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._content_type = b"application/json"
        self._headers: tuple[tuple[str, str], ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> asyncio.Future[Reply]:
        """Writes a request; the future is its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            self._lost(f"it sent no HTTP: {problem}")
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if (known := name.lower()) == b"content-type":
            self._content_type = value
        elif known == b"retry-after":
            self._headers = (("retry-after", value.decode("latin-1")),)

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        reply = Reply(self._parser.get_status_code(), b"".join(self._parts), self._content_type, self._headers)
        self.reusable = self._parser.should_keep_alive()
        answer, self._answer = self._answer, None
        self._parts = []
        self._headers = ()
        if answer is not None and not answer.done():
            answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(str(exc or "it closed the connection"))

    def _lost(self, why: str) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(UpstreamLost(why))

    def close(self) -> None:
        """Closes at once; what is under way is lost."""
        self.reusable = False
        self.transport.abort()


class Client:
    """Requests to one base URL."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, tls: TLS | None = None) -> None:
        """
        Args:
            url: where the upstream answers; a path in it goes before that of every request.
            headers: what every request bears beside its content type.
            tls: what verifies an upstream at an https:// URL; None: the system's authorities.

        Raises:
            ValueError: that is no URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http:// or https:// URL")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = (tls or cache(lambda: Trust(ssl.create_default_context()))) if parts.scheme == "https" else None
        self._base = parts.path.rstrip("/")
        self._netloc = parts.netloc.rpartition("@")[2]
        self._free: list[_Connection] = []
        self.bear(headers or {})

    def bear(self, headers: Mapping[str, str]) -> None:
        """Has every request from now on bear these headers."""
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f" HTTP/1.1\r\nhost: {self._netloc}\r\n{told}content-type: application/json\r\ncontent-length: "

    async def request(self, method: str, path: str, body: bytes = b"", seconds: float | None = None) -> Reply:
        """Sends one request and returns its answer.

        Args:
            method: of the request.
            path: path with query string, percent-encoded.
            body: JSON.
            seconds: after which an upstream that does not answer is lost; None where somebody else sees to it.

        Raises:
            UpstreamLost: no answer; unless it was not reached, whether the request was carried out is not known.
        """
        head = f"{method} {self._base}{path}{self._head}{len(body)}\r\n\r\n".encode()
        connection = await self._connection()
        done = False
        try:
            async with asyncio.timeout(seconds):
                reply = await connection.ask(head + body)
            done = True
            return reply
        except TimeoutError:
            raise UpstreamSlow(f"it did not answer within {seconds:.0f} s") from None
        finally:
            if done and connection.reusable:
                self._free.append(connection)
            else:
                connection.close()

    async def _connection(self) -> _Connection:
        while self._free:
            kept = self._free.pop()
            if kept.reusable:
                return kept
        loop = asyncio.get_running_loop()
        trust = self._tls() if self._tls else None
        context, name = (trust.context, trust.name or self._host) if trust else (None, None)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, made = await loop.create_connection(
                    _Connection, self._host, self._port, ssl=context, server_hostname=name
                )
        except (OSError, TimeoutError) as problem:
            raise UpstreamLost(str(problem) or "no connection in time", reached=False) from None
        return made

    def close(self) -> None:
        """Closes the kept connections."""
        while self._free:
            self._free.pop().close()
