"""What the operator tells of itself: Prometheus metrics and two probes, on one small HTTP server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

WRITES = ("POST", "PUT", "PATCH", "MERGE", "DELETE")


class Metrics:
    """The numbers, in a registry of their own: one set per operator."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "vectorstore_operator_api_requests",
            "Requests to the API server; code 0 is no answer.",
            ["verb", "kind", "code"],
            registry=registry,
        )
        self.reconciles = Counter(
            "vectorstore_operator_reconciles", "Looks at a store or plan, by outcome.", ["result"], registry=registry
        )
        self.seconds = Histogram(
            "vectorstore_operator_reconcile_seconds", "Time one look takes, in seconds.", registry=registry
        )
        self.events = Counter("vectorstore_operator_events", "Events told, by reason.", ["reason"], registry=registry)

    def count_request(self, verb: str, kind: str, code: int) -> None:
        """Counts one request: what `Cluster` wants told."""
        self.requests.labels(verb, kind, code).inc()

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that is looked up when it is asked for."""
        Gauge(f"vectorstore_operator_{name}", text, registry=self.registry).set_function(value)


@asynccontextmanager
async def serve(metrics: Metrics, ready: Callable[[], bool], host: str, port: int) -> AsyncIterator[int]:
    """Serves /metrics, /readyz and /livez while entered; gives the port."""

    async def numbers(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def readyz(request: web.Request) -> web.Response:
        return web.Response(text="ok") if ready() else web.Response(text="the caches are not filled yet", status=503)

    async def livez(request: web.Request) -> web.Response:
        return web.Response(text="ok")

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
