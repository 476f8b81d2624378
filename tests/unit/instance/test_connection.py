"""Connections that are slow, endless or many, against uvicorn as the instance runs it; its patience is shortened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvicorn

from vectorstore_instance.api import asgi, connection
from vectorstore_instance.api.asgi import Receive, Scope, Send, answer, limited, read_body, refuse, send_in_blocks
from vectorstore_instance.core.errors import ApiError, unauthorized

LARGE = bytes(16 << 20)
Port = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how many bytes it got; /refused does not even look, /large has much to say."""
    try:
        if scope["path"] == "/large":
            await answer(partial(send_in_blocks, send), 200, LARGE)
            return
        if scope["path"] == "/refused":
            raise unauthorized("no")
        body = await read_body(limited(receive, scope, 1000))
    except asgi.Disconnected:
        return
    except ApiError as error:
        await refuse(send, error)
    else:
        await answer(send, 200, b"%d" % len(body))


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Port]:
    """Opens a connection to a server whose patience lasts a moment."""
    monkeypatch.setattr(asgi, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(connection, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connection, "WHOLE_SECONDS", 0.6)
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.2)
    monkeypatch.setattr(connection, "MOST", 4)
    async with serving() as number:

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection("127.0.0.1", number)

        yield connect


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    config = uvicorn.Config(app, port=0, http=connection.Connection, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    task = asyncio.create_task(server.main_loop())
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task
    await server.shutdown()


async def send_until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Raises ConnectionError once the other side has closed."""
    while not reader.at_eof():
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.02)
    raise ConnectionResetError


def error_in(said: bytes) -> tuple[int, str]:
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["message"]


async def test_a_request_is_answered_and_its_connection_serves_the_next(port: Port) -> None:
    reader, writer = await port()
    for _ in range(3):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
        assert (await reader.readuntil(b"\r\n\r\n3")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_body_that_stops_coming_is_answered_408_and_not_waited_for(port: Port) -> None:
    reader, writer = await port()
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\nabc")
    status, message = error_in(await reader.read())
    assert status == 408
    assert "3 bytes came within" in message
    assert "send at least 16384 bytes per second" in message


async def test_a_body_that_trickles_is_answered_408_while_others_are_served(port: Port) -> None:
    reader, writer = await port()
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")

    async def trickle() -> None:
        while not reader.at_eof():
            writer.write(b"1\r\na\r\n")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    other, asks = await port()
    asks.write(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\na")
    assert (await other.read()).endswith(b"1")
    assert error_in(await reader.readuntil(b"}"))[0] == 408
    trickling.cancel()


async def test_who_was_refused_cannot_hold_the_connection_with_the_rest_of_a_body(port: Port) -> None:
    reader, writer = await port()
    writer.write(b"POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\n")
    assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 401")
    with pytest.raises(ConnectionError):
        await send_until_closed(reader, writer)


async def test_an_answer_that_is_not_read_is_given_up(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()
    lost = connection.Connection.connection_lost

    def connection_lost(self: connection.Connection, exc: Exception | None) -> None:
        lost(self, exc)
        gone.set()

    monkeypatch.setattr(connection.Connection, "connection_lost", connection_lost)
    _, writer = await port()
    writer.transport.pause_reading()
    writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
    try:
        async with asyncio.timeout(10):
            await gone.wait()
    finally:
        writer.transport.abort()


async def test_an_answer_that_is_read_bit_by_bit_comes_whole(port: Port) -> None:
    reader, writer = await port()
    writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(16):
        await reader.readexactly(1 << 20)
        await asyncio.sleep(0.03)


@pytest.mark.parametrize("said", [b"", b"\r\n", b"POST / HTTP/1.1\r\nhost"])
async def test_a_head_that_does_not_come_ends_the_connection(port: Port, said: bytes) -> None:
    reader, writer = await port()
    writer.write(said)
    status, message = error_in(await reader.read())
    assert status == 408
    assert "its head was not here" in message


async def test_a_flood_of_headers_is_answered_431(port: Port) -> None:
    reader, writer = await port()
    writer.write(b"GET / HTTP/1.1\r\n")

    async def flood() -> None:
        while True:
            writer.write(b"x-header: " + b"a" * 1000 + b"\r\n")
            await writer.drain()

    flooding = asyncio.create_task(flood())
    status, message = error_in(await reader.readuntil(b"}"))
    flooding.cancel()
    assert status == 431
    assert "send fewer and shorter headers" in message


async def test_what_is_no_http_is_answered_in_chromas_shape(port: Port) -> None:
    reader, writer = await port()
    writer.write(b"HELO there\r\n\r\n")
    status, message = error_in(await reader.read())
    assert status == 400
    assert "Send HTTP/1.1" in message


async def test_connections_beyond_the_most_are_closed_and_the_others_go_on(port: Port) -> None:
    held = [await port() for _ in range(4)]
    for _, writer in held:
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
    for reader, _ in held:
        await reader.readuntil(b"\r\n\r\n1")
    reader, writer = await port()
    with pytest.raises(ConnectionError):
        await send_until_closed(reader, writer)
    reader, writer = held[0]
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab")
    await reader.readuntil(b"\r\n\r\n2")
