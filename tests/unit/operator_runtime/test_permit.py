"""Writes that are permitted when they begin, and not any more when they could go out; on a real connection."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from vectorstore_operator.cluster import permit
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.connection import connect
from vectorstore_operator.cluster.errors import ClusterError, NotLeading, Transient
from vectorstore_operator.cluster.kinds import KINDS
from vectorstore_operator.objects import Object

STORED = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "tenants", "name": "acme", "uid": "1"}}


class Server:
    """Takes everything, or breaks the connection instead of answering."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.breaks = False
        self.came, self.flow = asyncio.Event(), asyncio.Event()
        self.flow.set()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        self.asked.append(request.method)
        self.came.set()
        await self.flow.wait()
        if self.breaks:
            assert request.transport
            request.transport.abort()
        return web.json_response(STORED)


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    answers = Server()
    runner = web.ServerRunner(web.Server(answers))  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "admin", "user": {"token": "t"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield answers
    await runner.cleanup()


def permitted(times: int) -> Callable[[], bool]:
    """Yes so many times, and no from then on."""
    answers: Iterator[bool] = iter([True] * times)
    return lambda: next(answers, False)


WRITES: dict[str, Callable[[Cluster], object]] = {
    "create": lambda cluster: cluster.create(STORED),
    "apply": lambda cluster: cluster.apply(STORED),
    "patch": lambda cluster: cluster.patch({**STORED, "metadata": STORED["metadata"] | {"resourceVersion": "1"}}, {}),  # type: ignore[operator]
    "replace": lambda cluster: cluster.replace(STORED),
    "delete": lambda cluster: cluster.delete(STORED),
}


@pytest.mark.parametrize("how", WRITES)
async def test_what_is_not_permitted_any_more_when_the_connection_stands_is_not_sent(server: Server, how: str) -> None:
    async with await connect() as api:
        with pytest.raises(ClusterError):
            await WRITES[how](Cluster(api, permitted(1)))  # type: ignore[misc]
        assert server.asked == []
        with pytest.raises(NotLeading):
            await WRITES[how](Cluster(api, permitted(0)))  # type: ignore[misc]
        await WRITES[how](Cluster(api, permitted(2)))  # type: ignore[misc]
    assert len(server.asked) == 1


async def test_what_was_sent_once_is_not_sent_again_by_itself_when_that_is_not_permitted_any_more(
    server: Server,
) -> None:
    """aiohttp repeats PUT and DELETE over a new connection when one that was kept breaks."""
    async with await connect() as api:
        await Cluster(api).delete(STORED)
        server.breaks = True
        with pytest.raises(Transient):
            await Cluster(api, permitted(2)).delete(STORED)
    assert server.asked == ["DELETE", "DELETE"]


async def test_reading_needs_no_permission(server: Server) -> None:
    async with await connect() as api:
        assert await Cluster(api, permitted(0)).get(KINDS["Service"], "tenants", "acme") == STORED


async def test_a_write_whose_caller_is_gone_is_waited_for(server: Server) -> None:
    server.flow.clear()
    async with await connect() as api:
        cluster = Cluster(api)
        write: asyncio.Task[Object] = asyncio.create_task(cluster.create(STORED))
        await server.came.wait()
        write.cancel()
        await asyncio.wait({write})
        quiet = asyncio.create_task(cluster.quiet())
        await asyncio.sleep(0)
        assert not quiet.done()
        server.flow.set()
        await quiet


async def test_what_the_kernel_cannot_deliver_it_gives_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a write would reach the server when a partition heals, however late."""
    given: list[int] = []
    whole = permit.Request.write_bytes

    async def watched(self: permit.Request, writer: object, conn: object, length: int | None = None) -> None:
        await whole(self, writer, conn, length)  # type: ignore[arg-type]
        sock = conn.transport.get_extra_info("socket")  # type: ignore[attr-defined]
        given.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))

    monkeypatch.setattr(permit.Request, "write_bytes", watched)
    async with await connect() as api:
        await Cluster(api).create(STORED)
    assert given == [permit.WITHIN * 1000]
