"""The peer of `scale`: the least that brings stores about with the same client.

List, watch, render, apply what differs, write a status. No kopf, no lease, no look for strangers'
objects, no pruning, no conditions, no Events, no retries: what a first version would be.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import uvloop

from vectorstore_operator import diff, names, objects
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.connection import connect
from vectorstore_operator.cluster.kinds import CHILDREN, PLAN, STORE, Kind
from vectorstore_operator.keys.secretdata import fresh_key
from vectorstore_operator.plan import Resolved, accept
from vectorstore_operator.render import Platform, desired, keys

Object = dict[str, Any]


class Loop:
    """Stores and children as last seen, and the stores to look at."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.platform = Platform("example.invalid/instance:1", namespace, {"app": "operator"}, b"secret")
        self.stores: dict[str, Object] = {}
        self.plans: dict[str, Object] = {}
        self.children: dict[str, dict[tuple[str, str], Object]] = {}
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.dirty: set[str] = set()

    def see(self, event: str, obj: Object) -> None:
        """Takes one object in and puts its store in line."""
        meta = obj["metadata"]
        if obj["kind"] == PLAN.name:
            self.plans[meta["name"]] = obj
            return
        if obj["kind"] == STORE.name:
            store = meta["name"]
            self.stores[store] = obj
        else:
            store = meta["labels"][names.STORE_LABEL]
            self.children.setdefault(store, {})[objects.key(obj)] = obj
            if event == "DELETED":
                del self.children[store][objects.key(obj)]
        if store not in self.dirty:
            self.dirty.add(store)
            self.queue.put_nowait(store)

    async def watch(self, kind: Kind, listed: asyncio.Semaphore) -> None:
        """Lists and watches one kind."""
        namespace = None if kind is PLAN else self.namespace
        selector = "" if kind in (STORE, PLAN) else f"app.kubernetes.io/managed-by={names.MANAGER}"
        items, since = await self.cluster.list(kind, namespace, selector)
        for obj in items:
            self.see("ADDED", obj)
        listed.release()
        while True:
            async for event, obj in self.cluster.watch(kind, namespace, selector, since):
                since = obj["metadata"]["resourceVersion"]
                if event != "BOOKMARK":
                    self.see(event, obj)

    async def work(self) -> None:
        """Brings one store after another about."""
        while True:
            name = await self.queue.get()
            self.dirty.discard(name)
            await self.reconcile(self.stores[name])

    async def reconcile(self, store: Object) -> None:
        """Applies what differs."""
        name = store["metadata"]["name"]
        live = self.children.setdefault(name, {})
        wanted = accept.store(store, self.plans.values(), live)
        if not isinstance(wanted, Resolved):
            return
        if ("Secret", names.credentials(name)) not in live:
            secret = keys.credentials(wanted, fresh_key(), fresh_key())
            live[objects.key(secret)] = await self.cluster.create(secret)
        for phase in desired(wanted, self.platform, live):
            made = await asyncio.gather(*(self.cluster.apply(obj) for obj in diff.to_apply(phase, live)))
            live |= {objects.key(obj): obj for obj in made}
        status = {"observedGeneration": store["metadata"]["generation"], "plan": wanted.plan.name}
        if not diff.subset(status, store.get("status", {})):
            meta = {"name": name, "namespace": self.namespace}
            head = {"apiVersion": STORE.api_version, "kind": STORE.name, "metadata": meta}
            self.stores[name] = await self.cluster.apply({**head, "status": status}, "status")


async def run() -> None:
    """Runs until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with await connect() as api:
        loop = Loop(Cluster(api), os.environ["OPERATOR_WATCH_NAMESPACES"])
        kinds = (PLAN, *(kind for kind in CHILDREN if not kind.optional), STORE)
        listed = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(loop.watch(kind, listed)) for kind in kinds]
        for _ in kinds:
            await listed.acquire()
        tasks += [asyncio.create_task(loop.work()) for _ in range(16)]
        await stop.wait()
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(run())
