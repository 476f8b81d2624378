"""An API server of one's own with N stores: where every run takes place.

No controllers and no kubelet run, so StatefulSets stay without pods: what is measured is the operator
and the API server, and nothing that a cluster does with what they made.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.support import apiserver
from tests.support.operators import Tenant

from vectorstore_operator import crd
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.connection import connect
from vectorstore_operator.cluster.kinds import STORE, Kind

Object = dict[str, Any]

NAMESPACE = "tenants"
PLAN = "benchmark"
AT_ONCE = 16
"""Stores made at a time."""


@dataclass(frozen=True)
class Site:
    """A server, a client and a folder for logs."""

    server: apiserver.ApiServer
    cluster: Cluster
    folder: Path

    @property
    def tenant(self) -> Tenant:
        """The namespace with all the stores."""
        return Tenant(self.cluster, NAMESPACE)

    async def stores(self, first: int, count: int) -> None:
        """Makes stores, numbered from `first`."""
        room = asyncio.Semaphore(AT_ONCE)

        async def make(number: int) -> None:
            async with room:
                await self.tenant.store(name(number), plan=PLAN)

        await asyncio.gather(*(make(number) for number in range(first, first + count)))

    async def told(self, count: int) -> None:
        """Waits until so many stores, and all there are, have a status."""
        items, version = await self.cluster.list(STORE, NAMESPACE)
        assert len(items) == count, f"{len(items)} stores, not {count}"
        waiting = {obj["metadata"]["name"] for obj in items if not _told(obj)}
        while waiting:
            async for _, store in self.cluster.watch(STORE, NAMESPACE, "", version):
                version = store["metadata"]["resourceVersion"]
                if _told(store):
                    waiting.discard(store["metadata"]["name"])
                if not waiting:
                    return

    @asynccontextmanager
    async def watched(self, kind: Kind) -> AsyncIterator[Watched]:
        """A watch of one kind that goes on meanwhile."""
        _, version = await self.cluster.list(kind, NAMESPACE)
        watched = Watched(self.cluster, kind, version)
        task = asyncio.create_task(watched.run())
        try:
            yield watched
        finally:
            task.cancel()
            await asyncio.wait({task})


class Watched:
    """News of one kind, for who waits for some."""

    def __init__(self, cluster: Cluster, kind: Kind, version: str) -> None:
        self._cluster, self._kind, self._version = cluster, kind, version
        self._awaited: list[tuple[Callable[[str, Object], bool], asyncio.Future[float]]] = []

    def first(self, true: Callable[[str, Object], bool]) -> Awaitable[float]:
        """When the first event (type, object) came of which this is true; by the loop's clock."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited.append((true, future))
        return future

    async def run(self) -> None:
        """Watches for ever; ends when cancelled."""
        while True:
            async for event, obj in self._cluster.watch(self._kind, NAMESPACE, "", self._version):
                self._version, now = obj["metadata"]["resourceVersion"], asyncio.get_running_loop().time()
                for awaited in [each for each in self._awaited if event != "BOOKMARK" and each[0](event, obj)]:
                    self._awaited.remove(awaited)
                    awaited[1].set_result(now)


def name(number: int) -> str:
    """What a store is called."""
    return f"store-{number:05}"


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """An API server with the operator's kinds, the plan and the namespace, gone with the context."""
    with ExitStack() as stack:
        server, folder = await asyncio.to_thread(stack.enter_context, _started())
        async with await connect(str(server.kubeconfig)) as api:
            place = Site(server, Cluster(api), folder)
            # All children: several pods, and an autoscaler between two numbers of them.
            await place.tenant.plan(PLAN, documents=1000, replicas={"min": 2, "max": 3})
            yield place


@contextmanager
def _started() -> Iterator[tuple[apiserver.ApiServer, Path]]:
    binaries = Path(os.environ["KUBEBUILDER_ASSETS"])
    with tempfile.TemporaryDirectory() as folder, apiserver.running(binaries, Path(folder)) as server:
        server.install(yaml.safe_load(text) for text in crd.files().values())
        server.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        yield server, Path(folder)


def _told(store: Object) -> bool:
    return bool(store.get("status", {}).get("observedGeneration"))
