"""The last moment of a write, in which it is asked once more whether this process may write.

Between the first question and the bytes on the wire a connection may have to be opened, or aiohttp sends
a PUT or DELETE again because a kept one was broken; and a process may be stopped in between, for as long
as anybody likes. What is in the kernel then goes within `WITHIN` or not at all, a partition that heals
later included: https://man7.org/linux/man-pages/man7/tcp.7.html, TCP_USER_TIMEOUT.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextvars import ContextVar

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection

WITHIN = 4
"""Seconds from the question to the server's answer: less than what is left of a lease after its holder gave it up
for lost, and less than what aiohttp rounds up to whole seconds."""


def _always() -> bool:
    return True


permitted: ContextVar[Callable[[], bool]] = ContextVar("permitted", default=_always)
"""What the present task asks before a request is sent."""


class Request(aiohttp.ClientRequest):
    """A request with a body: its headers are not sent before that."""

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Sends headers and body, or breaks the request off."""
        if not permitted.get()():
            if conn.protocol is not None:
                conn.protocol.set_exception(aiohttp.ClientConnectionError("not sent: no longer permitted"))
            return
        if conn.transport and (sock := conn.transport.get_extra_info("socket")):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, WITHIN * 1000)
        await super().write_bytes(writer, conn, content_length)
