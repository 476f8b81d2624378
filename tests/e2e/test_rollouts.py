"""A plan's change reaches its stores at the plan's pace, with the pods of one proven before the next one's go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e import manifests
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.stores import Store

ONE_BY_ONE = {"maxConcurrent": 1}


@pytest.fixture(scope="module")
def plan(cluster: Cluster) -> Iterator[str]:
    """A plan whose stores follow it one by one."""
    cluster.apply(manifests.plan("e2e-rollout", rollout=ONE_BY_ONE))
    yield "e2e-rollout"
    cluster.delete("vstplan", "e2e-rollout", "--wait=false")


def test_a_change_of_plan_reaches_one_store_after_another(cluster: Cluster, plan: str) -> None:
    for name in ("acme", "bravo"):
        cluster.apply(manifests.store(name, plan=plan, model="none", dimension=3))
    stores = [Store(cluster, name, plan=plan, model="none", dimension=3) for name in ("acme", "bravo")]
    former = {store.pod()["metadata"]["uid"] for store in stores}

    cpu = {"request": "60m", "limit": "1"}
    cluster.apply(manifests.plan(plan, rollout=ONE_BY_ONE | {"paused": True}, cpu=cpu))

    def previewed() -> None:
        assert cluster.condition(f"vstplan/{plan}", "RolledOut")["reason"] == "Paused"

    eventually(previewed)
    told = cluster.get("vstplan", plan)["status"]["rollout"]
    assert (told["restarts"], told["changes"]) == (2, ["cpu.request: 50m -> 60m"])
    assert {store.pod()["metadata"]["uid"] for store in stores} == former

    cluster.apply(manifests.plan(plan, rollout=ONE_BY_ONE, cpu=cpu))

    def rolled_out() -> None:
        assert cluster.condition(f"vstplan/{plan}", "RolledOut")["status"] == "True"

    eventually(rolled_out)
    first, second = sorted((store.pod() for store in stores), key=lambda pod: pod["metadata"]["creationTimestamp"])
    assert {pod["metadata"]["uid"] for pod in (first, second)}.isdisjoint(former)
    for pod in (first, second):
        assert pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "60m"
    assert answers_since(first) <= second["metadata"]["creationTimestamp"]


def answers_since(pod: Object) -> str:
    """When a pod became ready."""
    (ready,) = (c for c in pod["status"]["conditions"] if c["type"] == "Ready" and c["status"] == "True")
    since: str = ready["lastTransitionTime"]
    return since
