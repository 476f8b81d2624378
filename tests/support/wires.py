"""A wire of its own between one operator and the API server: it records what is written, holds it up, or is cut.

It speaks HTTP to the operator, so that requests can be told apart, and runs on a thread of its own, as tests
wait for processes without an event loop. What is recorded of a write is when it was there whole and when the
API server had answered it: the API server did it in between, and at no other time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from tests.support.apiserver import ApiServer

DROPPED = ("Transfer-Encoding", "Content-Length", "Connection", "Keep-Alive")


@dataclass
class Write:
    """One request that changes something."""

    method: str
    path: str
    began: float
    """By the monotonic clock, which is the same for all wires."""
    ended: float = float("inf")
    status: int = 0

    @property
    def done(self) -> bool:
        """Whether something was changed."""
        return 200 <= self.status < 300


@dataclass
class Wire:
    """One operator's way to the API server."""

    server: ApiServer
    folder: Path
    writes: list[Write] = field(default_factory=list)
    """All but those of Leases, as they come."""
    before: Callable[[Write], None] = lambda write: None
    """Told of every write that has come and was not passed on; on the wire's own thread."""
    after: Callable[[Write], None] = lambda write: None
    """Told of every write that was answered, before the operator is."""
    port: int = 0

    def __post_init__(self) -> None:
        self._events = [asyncio.Event() for _ in range(4)]
        self._flows, self._writes, self._answers, self._news = self._events
        self._late = ""
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Wire:
        self._thread.start()
        assert self._serving.wait(60), "the wire does not serve"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    @property
    def kubeconfig(self) -> Path:
        """What an operator goes by to come this way."""
        file = self.folder / f"wire-{self.port}"
        config = json.loads(self.server.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        file.write_text(json.dumps(config))
        return file

    def cut(self) -> None:
        """Lets nothing pass in either direction, and breaks nothing."""
        self._change(self._flows.clear, self._answers.clear)

    def dam(self) -> None:
        """Lets no write pass."""
        self._change(self._writes.clear)

    def delay(self, plural: str) -> None:
        """Lets no news pass of a kind that is watched; it can be listed."""
        self._late = f"/{plural}"
        self._change(self._news.clear)

    def mend(self) -> None:
        """Lets everything pass, what was held up too."""
        self._change(*(event.set for event in self._events))

    def _change(self, *changes: Callable[[], object]) -> None:
        async def change() -> None:
            for each in changes:
                each()

        changed = asyncio.run_coroutine_threadsafe(change(), self._loop)
        if threading.current_thread() is not self._thread:
            changed.result()

    async def _serve(self) -> None:
        context = ssl.create_default_context(cafile=str(self.server.ca))
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:

            async def answer(request: web.BaseRequest) -> web.StreamResponse:
                return await self._pass(session, request)

            runner = web.ServerRunner(web.Server(answer, handler_cancellation=True), shutdown_timeout=0)  # type: ignore[arg-type]
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            for event in self._events:
                event.set()
            self._serving.set()
            await self._stop.wait()
            for event in self._events:
                event.set()
            await runner.cleanup()

    async def _pass(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        write = self._noted(request)
        if write:
            self.before(write)
            await self._writes.wait()
        await self._flows.wait()
        headers = {name: value for name, value in request.headers.items() if name not in ("Host", *DROPPED)}
        async with session.request(
            request.method, self.server.url + request.raw_path, headers=headers, data=body or None
        ) as there:
            response = web.StreamResponse(status=there.status)
            response.headers.update({n: v for n, v in there.headers.items() if n not in DROPPED})
            if write:
                content = await there.read()
                write.status, write.ended = there.status, time.monotonic()
                self.after(write)
                await self._answers.wait()
                return web.Response(status=there.status, headers=response.headers, body=content)
            await self._flows.wait()
            await response.prepare(request)
            async for chunk in there.content.iter_any():
                await self._flows.wait()
                if self._late and self._late in request.path and "watch" in request.query:
                    await self._news.wait()
                await response.write(chunk)
            return response

    def _noted(self, request: web.BaseRequest) -> Write | None:
        if request.method == "GET":
            return None
        if "/leases" in request.path:
            return None
        write = Write(request.method, request.path, time.monotonic())
        self.writes.append(write)
        return write
