"""Stores of one plan whose StatefulSets the test looks after itself: where no controllers run, no pod starts.

It says of each when its pods answer, so a rollout goes exactly as far as the test lets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.apiserver import ApiServer
from tests.support.operators import WITHIN, Object, Tenant, condition

from vectorstore_operator.cluster.kinds import PLAN, STORE
from vectorstore_operator.rollout.marks import MOVE

MERGE = "application/merge-patch+json"


class Fleet:
    """The stores of a plan."""

    def __init__(self, server: ApiServer, tenant: Tenant, plan: str) -> None:
        self._server, self.tenant, self.plan = server, tenant, plan
        self._seen: dict[str, Object] = {}
        self._news = asyncio.Condition()
        self.answering = True
        """Whether new pods answer at once."""
        self.most = 0
        """The most stores that moved at a time."""
        self.order: list[str] = []
        """Stores in the order in which they began to move."""

    async def make(self, *names: str, canaries: Iterable[str] = ()) -> None:
        """Makes stores, and waits until they have the plan."""
        for name in names:
            labels = {"ring": "canary"} if name in canaries else {}
            meta = {"name": name, "namespace": self.tenant.namespace, "labels": labels}
            body = {"apiVersion": STORE.api_version, "kind": STORE.name, "metadata": meta, "spec": {"plan": self.plan}}
            await self.tenant.cluster.create(body)
        await self.told("Done", updated=len(names))

    async def change(self, **spec: Any) -> None:
        """Changes the plan."""
        await self.tenant.change(PLAN.name, self.plan, **spec)

    async def moving(self, *names: str) -> None:
        """Waits until these stores move, and no others do."""
        await self._until(lambda: self._moving() == set(names))

    async def told(self, state: str, **numbers: int) -> Object:
        """What the plan says of its rollout, once it is this."""

        def says(plan: Object) -> bool:
            status = plan.get("status") or {}
            rollout = status.get("rollout") or {"state": ""}
            current = status.get("observedGeneration") == plan["metadata"]["generation"]
            return bool(current and rollout["state"] == state and numbers.items() <= rollout.items())

        plan = await self.tenant.until(PLAN.name, self.plan, says)
        found: Object = plan["status"]["rollout"]
        return found

    async def waits(self, name: str, reason: str) -> str:
        """The message of a store that does not have the newest edition for this reason."""
        store = await self.tenant.until(
            STORE.name, name, lambda found: condition(found, "UpdateAvailable").get("reason") == reason
        )
        return str(condition(store, "UpdateAvailable")["message"])

    def answer(self, *names: str) -> None:
        """The pods of these are what they should be, and answer."""
        for name in names:
            self.stands(name, "r", ready=1)

    def fail(self, name: str) -> None:
        """The new pod of a store has an image that is not to be had."""
        self.stands(name, "new", ready=0)
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "it is not to be had"}}
        container = {"name": "instance", "image": "none", "imageID": "", "ready": False, "restartCount": 0}
        self._pod(name, "new", containerStatuses=[container | {"state": waiting}])

    def serve(self, name: str) -> None:
        """A pod of a store answers."""
        self._pod(name, "r", conditions=[{"type": "Ready", "status": "True"}])

    def _pod(self, name: str, revision: str, **status: Any) -> None:
        labels = self._seen[name]["spec"]["template"]["metadata"]["labels"] | {"controller-revision-hash": revision}
        meta = {"name": f"{name}-0", "namespace": self.tenant.namespace, "labels": labels}
        spec = {"containers": [{"name": "instance", "image": "none"}]}
        pods = f"/api/v1/namespaces/{self.tenant.namespace}/pods"
        self._call("POST", pods, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        self._call("PATCH", f"{pods}/{name}-0/status", {"status": status})

    async def watch(self) -> None:
        """Sees who moves, and has new pods answer while that is wanted; ends when cancelled."""
        async for event, live in self.tenant.seen("StatefulSet"):
            name, before = live["metadata"]["name"], self._moving()
            async with self._news:
                self._seen[name] = live
                if event == "DELETED":
                    del self._seen[name]
                self._news.notify_all()
            self.order += sorted(self._moving() - before)
            self.most = max(self.most, len(self._moving()))
            status = live.get("status") or {}
            if self.answering and status.get("observedGeneration") != live["metadata"]["generation"]:
                self.answer(name)

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN), self._news:
            await self._news.wait_for(true)

    def _moving(self) -> set[str]:
        return {name for name, live in self._seen.items() if MOVE in live["metadata"].get("annotations", {})}

    def stands(self, name: str, revision: str, ready: int) -> None:
        """What a controller says of a store's pods: of which revision they are, and how many answer."""
        status = {"observedGeneration": self._seen[name]["metadata"]["generation"], "replicas": 1}
        status |= {"readyReplicas": ready, "updatedReplicas": 1, "currentRevision": "r", "updateRevision": revision}
        path = f"/apis/apps/v1/namespaces/{self.tenant.namespace}/statefulsets/{name}/status"
        self._call("PATCH", path, {"status": status})

    def _call(self, method: str, path: str, body: Object) -> None:
        status, answer = self._server.call(method, path, body, MERGE if method == "PATCH" else "application/json")
        assert status in (200, 201), answer


@asynccontextmanager
async def fleet_of(server: ApiServer, tenant: Tenant, **spec: Any) -> AsyncIterator[Fleet]:
    """A plan of the test's own and what looks after its stores."""
    made = await tenant.plan(f"fleet-{tenant.namespace}", **spec)
    fleet = Fleet(server, tenant, made["metadata"]["name"])
    watch = asyncio.create_task(fleet.watch())
    try:
        yield fleet
    finally:
        watch.cancel()
        if await tenant.get(PLAN.name, fleet.plan):
            await tenant.delete(PLAN.name, fleet.plan)
