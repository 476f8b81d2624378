"""A TCP proxy that injects faults between an instance and a server: slow, gone, back, or saying something else."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit


class FaultProxy:
    """One upstream behind a port of its own."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0
        """How many were taken."""
        self.seen = b""
        """Everything that was asked."""
        self.holds: bytes | None = None
        """Requests with these bytes in them are not answered until `flow` is set."""
        self.flow = asyncio.Event()
        self.aborts = False
        """Connections are taken and closed at once."""
        self.says: bytes | None = None
        """What is answered instead of asking the upstream."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> FaultProxy:
        await self.come()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def come(self) -> None:
        """Listens, where it listened before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def go(self) -> None:
        """Refuses connections and breaks those there are."""
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.aborts:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._relay(reader, writer)
        writer.transport.abort()
        self._open.discard(writer)
        self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._upstream)
        try:
            while True:
                asked = await _message(reader)
                self.seen += asked
                if self.holds is not None and self.holds in asked:
                    await self.flow.wait()
                if self.says is None:
                    there_writer.write(asked)
                    writer.write(await _message(there_reader))
                else:
                    writer.write(self.says)
        finally:
            there_writer.transport.abort()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message with a content-length."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
