"""A proxy between an operator and its API server: it injects faults, counts what is asked, and sees what is told.

HTTP on the operator's side, TLS on the other; answers are passed on as they come, so watches work. It runs
on a thread of its own, because tests wait in ways that stop an event loop. (`faults` is for instances:
messages with a length, to a server without TLS.)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from tests.support.apiserver import ApiServer

ENDLESS = aiohttp.ClientTimeout(total=None)
PASSED_ON = ("Content-Type", "Retry-After")


@dataclass
class Fault:
    """What becomes of requests whose "METHOD path?query" is like this."""

    like: re.Pattern[str]
    status: int
    """What is answered; 0 is nothing, until there is calm."""
    headers: dict[str, str]


@dataclass
class Proxy:
    """One API server, besieged."""

    server: ApiServer
    asked: list[str] = field(default_factory=list)
    """Every request as "METHOD path?query"."""
    failed: list[str] = field(default_factory=list)
    """Those that met a fault."""
    gone: Counter[str] = field(default_factory=Counter)
    """How often a watch was told that it is too far behind (410), by path."""
    port: int = 0
    _faults: list[Fault] = field(default_factory=list)
    _calm: asyncio.Event = field(default_factory=asyncio.Event)
    _open: list[web.Request] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None

    def answers(self, status: int, like: str = "", **headers: str) -> None:
        """From now on requests like this get that status, and never reach the API server."""
        self._faults.append(Fault(re.compile(like), status, {k.replace("_", "-"): v for k, v in headers.items()}))

    def hangs(self, like: str = "") -> None:
        """From now on requests like this are held back until there is calm; then they reach the API server."""
        self.answers(0, like)

    def cut(self) -> None:
        """Breaks every connection there is."""
        self._soon(lambda: [r.transport.abort() for r in self._open if r.transport])

    def calm(self) -> None:
        """No more faults; what was held back goes on its way."""
        self._faults.clear()
        self._soon(self._calm.set)

    def count(self, like: str = "") -> int:
        """How many requests like this there were."""
        return sum(1 for asked in list(self.asked) if re.search(like, asked))

    def kubeconfig(self, folder: Path) -> Path:
        """The way through the proxy, as a file."""
        config = json.loads(self.server.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        (folder / "kubeconfig").write_text(json.dumps(config))
        return folder / "kubeconfig"

    def _soon(self, act: object) -> None:
        assert self._loop
        self._loop.call_soon_threadsafe(act)  # type: ignore[arg-type]

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Answers until told to stop."""
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(self.server.ca)), limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            app = web.Application(client_max_size=1 << 24)

            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._handle(session, request)

            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", self.port)
            await site.start()
            self.port = runner.addresses[0][1]
            ready.set()
            await stop.wait()
            self._calm.set()
            self.cut()
            await runner.cleanup()

    async def _handle(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        asked = f"{request.method} {request.path_qs}"
        self.asked.append(asked)
        body = await request.read()
        fault = next((fault for fault in list(self._faults) if fault.like.search(asked)), None)
        if fault is not None:
            self.failed.append(asked)
            if fault.status:
                told = {"kind": "Status", "code": fault.status, "message": f"a storm of {fault.status}"}
                return web.json_response(told, status=fault.status, headers=fault.headers)
            self._calm.clear()
            await self._calm.wait()
        self._open.append(request)
        try:
            return await self._pass_on(session, request, body)
        finally:
            self._open.remove(request)

    async def _pass_on(self, session: aiohttp.ClientSession, request: web.Request, body: bytes) -> web.StreamResponse:
        headers = {k: v for k, v in request.headers.items() if k in ("Authorization", "Content-Type", "Accept")}
        url, stated = self.server.url + request.path_qs, {"data": body or None, "headers": headers}
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with session.request(request.method, url, timeout=ENDLESS, **stated) as answer:
                taken = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
                response = web.StreamResponse(status=answer.status, headers=taken)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    if b'"code":410' in chunk:
                        self.gone[request.path] += 1
                    await response.write(chunk)
                await response.write_eof()
                return response
        if request.transport:
            request.transport.abort()
        return web.Response(status=502)


@contextmanager
def proxied(server: ApiServer) -> Iterator[Proxy]:
    """A proxy on a port of its own, until the context ends."""
    proxy, ready, stop = Proxy(server), threading.Event(), asyncio.Event()

    async def serve() -> None:
        proxy._loop = asyncio.get_running_loop()
        await proxy.serve(ready, stop)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="proxy", daemon=True)
    thread.start()
    assert ready.wait(30), "the proxy does not start"
    try:
        yield proxy
    finally:
        proxy._soon(stop.set)
        thread.join(10)
