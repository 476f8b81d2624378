"""The operator's small HTTP server: its numbers and two probes.

It answers on the event loop that does everything else, so a loop that stands still answers no probe:
the kubelet's time-out is what finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

Probe = Callable[[], str]
"""What is wrong; empty while nothing is."""


@asynccontextmanager
async def serve(registry: CollectorRegistry, ready: Probe, live: Probe, host: str, port: int) -> AsyncIterator[int]:
    """Serves /metrics, /readyz and /livez while entered; gives the port."""

    async def numbers(request: web.Request) -> web.Response:
        page = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def readyz(request: web.Request) -> web.Response:
        return _answer(ready())

    async def livez(request: web.Request) -> web.Response:
        return _answer(live())

    app = web.Application()
    app.add_routes([web.get("/metrics", numbers), web.get("/readyz", readyz), web.get("/livez", livez)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _answer(wrong: str) -> web.Response:
    return web.Response(text=wrong or "ok", status=503 if wrong else 200)
