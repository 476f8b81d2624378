"""A real operator: `python -m vectorstore_operator` against the test's API server, and a tenant's view of it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.errors import Conflict
from vectorstore_operator.cluster.kinds import KINDS, PLAN, STORE

Object = dict[str, Any]
WITHIN = 60.0
"""Seconds that anything may take on a busy machine."""
WRITES = ("POST", "PUT", "PATCH", "MERGE", "DELETE")
"""Verbs of requests that change something, as the metrics have them."""


@dataclass
class Running:
    """One operator process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Its metrics: name -> samples of (labels, value)."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for sample in (sample for family in families for sample in family.samples):
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def value(self, name: str) -> float:
        """One number, summed over its labels."""
        return sum(value for _, value in self.metrics().get(f"vectorstore_operator_{name}", ()))

    def requests(self) -> list[tuple[dict[str, str], float]]:
        """Requests to the API server by verb, kind and code."""
        return self.metrics().get("vectorstore_operator_api_requests_total", [])

    def writes(self) -> list[dict[str, str]]:
        """The writes among them, the lease's apart."""
        return [
            labels
            for labels, count in self.requests()
            if count and labels["verb"] in WRITES and labels["kind"] != "Lease"
        ]

    def ready(self) -> bool:
        """Whether its caches are filled."""
        if self.process.poll() is not None:
            raise AssertionError(f"the operator ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    def alive(self) -> bool:
        """Whether the kubelet would let it go on."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez") as answer:
            return bool(answer.status == 200)

    def settled(self) -> bool:
        """Whether it leads, looked at everything it knows, and nothing is left to do."""
        return (
            self.ready()
            and self.value("leading") == 1
            and self.value("reconciles_total") >= self.value("stores") + self.value("plans")
            and self.value("queue") == self.value("busy") == 0
        )

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN)


@contextmanager
def running(kubeconfig: Path, folder: Path, *, ready: bool = True, **settings: str) -> Iterator[Running]:
    """An operator with these settings (names without `OPERATOR_`), ended with the context."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    environ = {f"OPERATOR_{name.upper()}": value for name, value in settings.items()}
    environ |= {"KUBECONFIG": str(kubeconfig), "OPERATOR_HOST": "127.0.0.1", "OPERATOR_PORT": str(port)}
    log = folder / f"operator-{port}.log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "vectorstore_operator"], env=os.environ | environ, stdout=sink, stderr=sink
        ) as process,
    ):
        operator = Running(process, port, log)
        try:
            if ready:
                wait_until(operator.ready)
            yield operator
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


def wait_until(true: Callable[[], bool]) -> None:
    """Asks again and again what no event tells of."""
    deadline = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < deadline, true
        time.sleep(0.05)


@dataclass
class Tenant:
    """A namespace and what is done and seen in it."""

    cluster: Cluster
    namespace: str

    async def get(self, kind: str, name: str) -> Object | None:
        return await self.cluster.get(KINDS[kind], None if kind == PLAN.name else self.namespace, name)

    async def have(self, kind: str, name: str) -> Object:
        """An object that must be there."""
        found = await self.get(kind, name)
        assert found, f"{kind} {name} is missing"
        return found

    async def until(self, kind: str, name: str, true: Callable[[Object], Any] = bool) -> Object:
        """The object of that name as soon as it is there and this is true of it."""
        return await self.first(kind, lambda obj: obj["metadata"]["name"] == name and true(obj))

    async def told(self, reason: str) -> Object:
        """The first Event of that reason, as soon as there is one."""
        return await self.first("Event", lambda event: event["reason"] == reason)

    async def first(self, kind: str, true: Callable[[Object], Any]) -> Object:
        """The first object of which this is true, as soon as there is one."""
        async with asyncio.timeout(WITHIN):
            async for _, obj in self.seen(kind):
                if true(obj):
                    return obj
        raise AssertionError("the watch ended")

    async def gone(self, kind: str, name: str) -> None:
        """Waits until no object has that name."""
        async with asyncio.timeout(WITHIN):
            items, version = await self.cluster.list(KINDS[kind], self.namespace)
            if name not in {obj["metadata"]["name"] for obj in items}:
                return
            async for event, obj in self.cluster.watch(KINDS[kind], self.namespace, "", version):
                if event == "DELETED" and obj["metadata"]["name"] == name:
                    return

    async def seen(self, kind: str) -> AsyncIterator[tuple[str, Object]]:
        """All objects of a kind, and then what happens to them."""
        namespace = None if kind == PLAN.name else self.namespace
        items, version = await self.cluster.list(KINDS[kind], namespace)
        for obj in items:
            yield "ADDED", obj
        while True:  # servers end watches every few minutes
            async for event, obj in self.cluster.watch(KINDS[kind], namespace, "", version):
                version = obj["metadata"]["resourceVersion"]
                if event != "BOOKMARK":
                    yield event, obj

    async def store(self, name: str, **spec: Any) -> Object:
        """Makes a store."""
        return await self.cluster.create(self._object(STORE.name, name, spec))

    async def plan(self, name: str, **spec: Any) -> Object:
        """Makes a plan."""
        return await self.cluster.create(self._object(PLAN.name, name, {"documents": 1000} | spec))

    async def change(self, kind: str, name: str, **spec: Any) -> Object:
        """Changes fields of a spec; again where the operator's own write came between."""
        while True:
            with suppress(Conflict):
                return await self.cluster.patch(await self.have(kind, name), {"spec": spec})

    async def delete(self, kind: str, name: str) -> None:
        await self.cluster.delete(await self.have(kind, name))

    async def versions(self) -> dict[tuple[str, str], str]:
        """The edition of every object a store may consist of, and of the stores."""
        found = {}
        for kind in KINDS.values():
            if kind.name in ("Lease", "HTTPRoute", PLAN.name):  # the last but one is not there in most tests
                continue
            for obj in (await self.cluster.list(kind, self.namespace))[0]:
                found[kind.name, obj["metadata"]["name"]] = obj["metadata"]["resourceVersion"]
        return found

    async def events(self, reason: str) -> list[Object]:
        """Events of a reason."""
        return [e for e in (await self.cluster.list(KINDS["Event"], self.namespace))[0] if e["reason"] == reason]

    def _object(self, kind: str, name: str, spec: Object) -> Object:
        scope = {} if kind == PLAN.name else {"namespace": self.namespace}
        return {
            "apiVersion": KINDS[kind].api_version,
            "kind": kind,
            "metadata": {"name": name, **scope},
            "spec": spec,
        }


def condition(obj: Object, kind: str) -> Object:
    """A condition of a status; {} when it is not there."""
    return next((c for c in obj.get("status", {}).get("conditions", ()) if c["type"] == kind), {})


def refused(reason: str) -> Callable[[Object], bool]:
    """Whether a store is refused for this reason."""
    return lambda store: condition(store, "Accepted").get("reason") == reason


def accepted(store: Object) -> bool:
    """Whether a store, in its present edition, is accepted."""
    state = condition(store, "Accepted")
    return state.get("status") == "True" and state["observedGeneration"] == store["metadata"]["generation"]
