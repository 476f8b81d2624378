"""Connections through the API server to a pod, which here is a WebSocket server before a real TCP server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
import pytest
import trustme
from aiohttp import web

from vectorstore_operator.cli.forward import Forward
from vectorstore_operator.cli.streams import Streams

PORT = 8000
MEGABYTES = b"0123456789abcdef" * (1 << 17)


class Kubelet:
    """Streams whose connections are carried on by a server that does as a kubelet does."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def connect(self, pod: str, port: int) -> object:
        return self._session.ws_connect(f"{self._url}/{pod}/{port}")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def kubelet(port: int) -> AsyncIterator[str]:
    """Its URL; every connection goes on to a port of this machine."""

    async def carry(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        about = int(request.match_info["port"]).to_bytes(2, "little")
        await socket.send_bytes(b"\0" + about)
        await socket.send_bytes(b"\1" + about)
        if request.match_info["pod"] == "closed":
            await socket.send_bytes(b"\1connection refused")
            return socket
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def down() -> None:
            while data := await reader.read(1 << 15):
                await socket.send_bytes(b"\0" + data)
            await socket.close()

        task = asyncio.create_task(down())
        async for message in socket:
            assert message.data[0] == 0
            writer.write(message.data[1:])
            await writer.drain()
        task.cancel()
        writer.close()
        return socket

    app = web.Application()
    app.add_routes([web.get("/{pod}/{port}", carry)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def forwarded(pod: str, tls: bool, said: list[str]) -> AsyncIterator[int]:
    """A local port that leads to an echoing server."""
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert("acme.tenants.svc").configure_cert(context)
    async with (
        await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context) as server,
        kubelet(server.sockets[0].getsockname()[1]) as url,
        aiohttp.ClientSession() as session,
    ):

        async def chosen() -> str:
            return pod

        forward = Forward(cast(Streams, Kubelet(url, session)), chosen, PORT, tls, said.append)
        async with await asyncio.start_server(forward.carry, "127.0.0.1", 0) as listening:
            yield listening.sockets[0].getsockname()[1]


async def ask(port: int, what: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(what)
    answer, _ = await asyncio.gather(reader.readexactly(len(what)), writer.drain())
    writer.close()
    return answer


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_all_bytes_go_there_and_back(tls: bool) -> None:
    said: list[str] = []
    async with asyncio.timeout(60), forwarded("acme-0", tls, said) as port:
        assert await ask(port, MEGABYTES) == MEGABYTES
        answers = await asyncio.gather(*(ask(port, bytes([i]) * 1000) for i in range(8)))
        assert [answer[0] for answer in answers] == list(range(8))
    assert said == []


async def test_a_pod_that_takes_no_connection_is_told_of() -> None:
    said: list[str] = []
    async with asyncio.timeout(60), forwarded("closed", False, said) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
    assert said == ["a connection failed: connection refused"]
