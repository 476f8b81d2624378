"""Another version for a store, against a real API server: no controllers run, so the test says how its pod fares."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from tests.support.apiserver import ApiServer
from tests.support.operators import Object, Running, Tenant, accepted, condition, refused, running
from tests.support.rollouts import MERGE, Fleet, fleet_of

from vectorstore_operator import names
from vectorstore_operator.cluster.kinds import PLAN, STATEFUL_SET, STORE
from vectorstore_operator.names import MANAGEMENT_PORT
from vectorstore_operator.rollout.marks import EDITION, FAILED, MOVE

pytestmark = pytest.mark.apiserver

ADDRESS = "127.0.0.9"
Release = Callable[[str], Running]


@pytest.fixture
def release(served: ApiServer, tenant: Tenant, tmp_path: Path) -> Iterator[Release]:
    """Starts an operator of some release, without a Lease, so that one takes over from a killed one at once."""
    with ExitStack() as stack:

        def start(version: str) -> Running:
            image = f"example.invalid/instance:{version}"
            where = tenant.namespace
            found = running(
                served.kubeconfig,
                tmp_path,
                instance_image=image,
                watch_namespaces=where,
                namespace=where,
                lease="false",
            )
            return stack.enter_context(found)

        yield start


@pytest.fixture
async def fleet(served: ApiServer, tenant: Tenant) -> AsyncIterator[Fleet]:
    """A plan that allows two versions beside the release."""
    async with fleet_of(served, tenant, versions=["2", "3"], rollout={"gateSeconds": 600}) as found:
        yield found


class Pod:
    """The pod of `acme`, with an instance's admin surface that answers when it is let."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server, self._root = server, f"/api/v1/namespaces/{namespace}/pods"
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    def run(self) -> None:
        """It is there, and answers."""
        labels = names.labels("acme") | {"controller-revision-hash": "r"}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "acme-0", "labels": labels}}
        body["spec"] = {"containers": [{"name": "instance", "image": "any"}]}
        assert self._server.call("POST", self._root, body)[0] == HTTPStatus.CREATED
        self._tell(podIP=ADDRESS, podIPs=[{"ip": ADDRESS}], conditions=[{"type": "Ready", "status": "True"}])

    def crash(self, why: str) -> None:
        """It is of the new revision, and does not come up."""
        labels = {"metadata": {"labels": {"controller-revision-hash": "new"}}}
        assert self._server.call("PATCH", f"{self._root}/acme-0", labels, MERGE)[0] == HTTPStatus.OK
        state = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}
        state["lastState"]["terminated"]["message"] = why  # type: ignore[index]
        container = {"name": "instance", "image": "any", "imageID": "", "ready": False, "restartCount": 3}
        self._tell(conditions=[{"type": "Ready", "status": "False"}], containerStatuses=[container | state])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Its admin surface."""
        server = await asyncio.start_server(self._serve, ADDRESS, MANAGEMENT_PORT)
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        done: Object = {}
        if head.startswith("POST /admin/maintenance"):
            self.asked.set()
            await self.answer.wait()
            done = {"id": "1", "ended": "now", "error": None, "done": 1}
        body = json.dumps(done).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    def _tell(self, **status: Any) -> None:
        code, answer = self._server.call("PATCH", f"{self._root}/acme-0/status", {"status": status}, MERGE)
        assert code == HTTPStatus.OK, answer


@pytest.fixture
async def pod(served: ApiServer, tenant: Tenant) -> AsyncIterator[Pod]:
    made = Pod(served, tenant.namespace)
    async with made.serving():
        yield made


def image(stateful_set: Object) -> str:
    return str(stateful_set["spec"]["template"]["spec"]["containers"][0]["image"])


def runs(version: str, *marks: str) -> Callable[[Object], bool]:
    """Whether a StatefulSet's pods are to run a version, with these marks."""

    def true(live: Object) -> bool:
        found = {EDITION, MOVE, FAILED} & set(live["metadata"].get("annotations", {}))
        return image(live) == f"example.invalid/instance:{version}" and found == {EDITION, *marks}

    return true


def update(reason: str) -> Callable[[Object], bool]:
    return lambda store: condition(store, "UpdateAvailable").get("reason") == reason


async def test_an_operator_may_be_killed_between_any_two_steps_of_an_upgrade(
    fleet: Fleet, tenant: Tenant, release: Release, pod: Pod
) -> None:
    operator = release("1")
    await fleet.make("acme")
    pod.run()
    await tenant.until(STORE.name, "acme", update("UpToDate"))
    fleet.answering = False

    await tenant.change(STORE.name, "acme", version="2")
    await asyncio.wait_for(pod.asked.wait(), 60)  # for the checkpoint
    await tenant.until(STORE.name, "acme", update("Checkpointing"))
    operator.process.kill()
    assert runs("1")(await tenant.have(STATEFUL_SET.name, "acme"))
    pod.asked.clear()
    operator = release("1")
    await asyncio.wait_for(pod.asked.wait(), 60)  # once more
    pod.answer.set()

    await tenant.until(STATEFUL_SET.name, "acme", runs("2", MOVE))
    operator.process.kill()
    operator = release("1")
    await tenant.until(STORE.name, "acme", update("Moving"))
    assert runs("2", MOVE)(await tenant.have(STATEFUL_SET.name, "acme"))
    pod.crash("DATA_DIR: /data holds data of format 9")
    await fleet.moving("acme")
    fleet.stands("acme", "new", ready=0)

    await tenant.until(STATEFUL_SET.name, "acme", runs("1", FAILED))
    operator.process.kill()
    operator = release("1")
    await fleet.moving()
    fleet.answer("acme")
    store = await tenant.until(STORE.name, "acme", lambda s: update("RolledBack")(s) and s["status"].get("replicas"))
    told = condition(store, "UpdateAvailable")["message"]
    assert "version 1 to 2 failed" in told
    assert "holds data of format 9" in told
    assert store["status"]["version"] == "1"
    assert runs("1", FAILED)(await tenant.have(STATEFUL_SET.name, "acme"))

    # What failed is tried again when it is asked for anew.
    await tenant.change(STORE.name, "acme", version="1")
    await tenant.until(STATEFUL_SET.name, "acme", runs("1"))
    await tenant.change(STORE.name, "acme", version="2")
    await tenant.until(STATEFUL_SET.name, "acme", runs("2", MOVE))
    await fleet.moving("acme")
    fleet.answer("acme")
    await tenant.until(STATEFUL_SET.name, "acme", runs("2"))
    await tenant.told("VersionChanged")
    store = await tenant.until(STORE.name, "acme", lambda s: s["status"]["version"] == "2")
    assert condition(store, "UpdateAvailable")["reason"] == "NewVersion"  # for the release is 1


async def test_every_move_has_a_checkpoint_of_its_own(fleet: Fleet, tenant: Tenant, release: Release, pod: Pod) -> None:
    release("1")
    await fleet.make("acme")
    pod.run()
    pod.answer.set()
    await tenant.until(STORE.name, "acme", update("UpToDate"))
    fleet.answering = False
    await tenant.change(STORE.name, "acme", version="2")
    await tenant.until(STATEFUL_SET.name, "acme", runs("2", MOVE))
    await tenant.change(STORE.name, "acme", version="1")
    await tenant.until(STATEFUL_SET.name, "acme", runs("1"))
    pod.asked.clear()
    await tenant.change(STORE.name, "acme", version="2")
    await tenant.until(STATEFUL_SET.name, "acme", runs("2", MOVE))
    assert pod.asked.is_set()


async def test_a_new_release_restarts_nothing_whatever_becomes_of_the_statefulset(
    fleet: Fleet, tenant: Tenant, release: Release
) -> None:
    operator = release("1")
    await fleet.make("acme")
    before = await tenant.have(STATEFUL_SET.name, "acme")
    assert operator.stop() == 0
    operator = release("2")
    store = await tenant.until(STORE.name, "acme", update("NewVersion"))
    assert store["status"]["version"] == "1"
    assert store["status"]["rollout"]["release"] == "2"
    assert "kubectl vectorstore upgrade acme" in condition(store, "UpdateAvailable")["message"]
    now = await tenant.have(STATEFUL_SET.name, "acme")
    assert now["metadata"]["generation"] == before["metadata"]["generation"]

    # Deleted by somebody, or made anew for larger volumes: it comes back as it was.
    await tenant.cluster.delete(now)
    again = await tenant.until(
        STATEFUL_SET.name, "acme", lambda live: live["metadata"]["uid"] != now["metadata"]["uid"]
    )
    assert runs("1")(again)
    assert again["spec"]["template"] == now["spec"]["template"]

    await tenant.change(STORE.name, "acme", version="9")
    told = condition(await tenant.until(STORE.name, "acme", refused("VersionNotAllowed")), "Accepted")["message"]
    assert "spec.version: '9'" in told
    assert "take one of 1, 2, 3" in told
    await tenant.change(STORE.name, "acme", version="3")
    await tenant.until(STATEFUL_SET.name, "acme", lambda live: runs("3")(live) or runs("3", MOVE)(live))
    await tenant.until(STORE.name, "acme", lambda s: accepted(s) and s["status"]["version"] == "3")


async def test_a_move_comes_to_its_end_though_the_plan_is_gone(fleet: Fleet, tenant: Tenant, release: Release) -> None:
    release("1")
    await fleet.make("acme", "other")
    fleet.answering = False
    await fleet.change(logFormat="json")
    await fleet.moving("acme", "other")
    await tenant.delete(PLAN.name, fleet.plan)
    await tenant.until(STORE.name, "acme", refused("PlanNotFound"))
    fleet.answer("acme")
    fleet.fail("other")
    await fleet.moving()
    new, old = await tenant.have(STATEFUL_SET.name, "acme"), await tenant.have(STATEFUL_SET.name, "other")
    assert '"logFormat":"json"' in new["metadata"]["annotations"][EDITION]
    assert '"logFormat":"json"' not in old["metadata"]["annotations"][EDITION]
    assert FAILED in old["metadata"]["annotations"]


async def test_a_plan_that_lacks_something_is_told_and_never_tried_and_mended_taken_at_once(
    fleet: Fleet, tenant: Tenant, release: Release
) -> None:
    release("1")
    await fleet.make("acme")
    before = await tenant.have(STATEFUL_SET.name, "acme")
    missing = f"e2e-{tenant.namespace}"
    await fleet.change(scheduling={"priorityClassName": missing})
    await tenant.until(STORE.name, "acme", refused("PriorityClassMissing"))
    await fleet.told("Done", refused=1, moving=0)
    now = await tenant.have(STATEFUL_SET.name, "acme")
    assert now["metadata"]["generation"] == before["metadata"]["generation"]
    assert MOVE not in now["metadata"]["annotations"]

    await fleet.change(scheduling={"priorityClassName": None, "nodeSelector": {"disk": "fast"}})
    await fleet.told("Done", updated=1, refused=0)
    await tenant.until(STATEFUL_SET.name, "acme", lambda live: live["spec"]["template"]["spec"].get("nodeSelector"))
