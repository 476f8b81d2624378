"""Whatever somebody changes of a child comes back: every value that is stated of it, and the child itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.operator.conftest import Start
from tests.integration.operator.test_exposure import GATEWAY, INGRESS, OUTSIDE, http_route
from tests.support import drift
from tests.support.apiserver import ApiServer
from tests.support.operators import WITHIN, Object, Tenant, accepted

from vectorstore_operator.cluster.errors import Conflict, Forbidden, Invalid
from vectorstore_operator.cluster.kinds import CHILDREN, RENDERED

pytestmark = pytest.mark.apiserver

OTHERS_HANDS = (
    ("metadata", "ownerReferences", 0, "uid"),  # of another uid it is another's: NameConflict (test_reconcile)
    ("data", "read-write"),  # exchanged by hand: a key in the Secret is in force (test_reconcile)
    ("data", "read-only"),
)
NUMBERED = {("data", "limits.json"), ("data", "generation"), ("metadata", "annotations", "vectorstore.dev/hash")}
"""Editions are numbered, and what was changed comes back with a later number."""
FIXED = [
    re.compile(line)
    for line in (
        r"Secret type",
        r"Service spec (clusterIP|type)",  # that of the headless Service: both go together
        r"StatefulSet spec (podManagementPolicy|selector|serviceName|volumeClaimTemplates)",
        r"StatefulSet spec template metadata labels vectorstore.dev/store",  # the selector's
        r"StatefulSet spec template spec .* fieldRef apiVersion",
        r"StatefulSet spec template spec .*(volumeMounts|volumes) \d name",  # the one names the other
        r"StatefulSet spec template spec tolerations \d effect",  # goes with its seconds
        r"HorizontalPodAutoscaler spec metrics \d type",  # goes with its source
    )
]
"""What the API server lets nobody change, or not by itself."""


@pytest.fixture
async def children(served: ApiServer, tenant: Tenant, start: Start) -> AsyncIterator[list[Object]]:
    """One child at least of every kind, of two stores that an operator looks after."""
    definition = http_route()
    served.install([definition])
    plans = []
    for name, exposure in (("acme", INGRESS), ("bravo", GATEWAY)):
        stated = {"exposure": {"domain": "example.org"} | exposure, "replicas": {"min": 1, "max": 3}} | OUTSIDE
        plans.append(await tenant.plan(f"{name}-{tenant.namespace}", **stated))
    start()
    for name, plan in zip(("acme", "bravo"), plans, strict=True):
        await tenant.store(name, plan=plan["metadata"]["name"], replicas=2)
        await tenant.until("PodDisruptionBudget", name)
        await tenant.until("VectorStore", name, accepted)
    found = []
    for kind in (kind for kind in CHILDREN if kind.name in RENDERED):
        store = "bravo" if kind.name == "HTTPRoute" else "acme"
        found += (await tenant.cluster.list(kind, tenant.namespace, f"vectorstore.dev/store={store}"))[0]
    assert {obj["kind"] for obj in found} == RENDERED
    yield found
    for plan in plans:
        await tenant.cluster.delete(plan)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
    assert served.call("DELETE", path)[0] == 200


async def test_every_value_that_is_stated_comes_back(tenant: Tenant, children: list[Object]) -> None:
    refused = await asyncio.gather(*(every_value(tenant, obj) for obj in children))
    kept = {" ".join(map(str, (kind, *leaf))) for leaves in refused for kind, leaf in leaves}
    assert {leaf for leaf in kept if not any(fixed.match(leaf) for fixed in FIXED)} == set()


async def test_every_child_that_is_deleted_comes_back(tenant: Tenant, children: list[Object]) -> None:
    for obj in children:
        live = await tenant.have(*of(obj))
        await tenant.cluster.delete(live)
    for obj in children:
        back = await tenant.until(*of(obj), lambda live, uid=obj["metadata"]["uid"]: live["metadata"]["uid"] != uid)
        assert back["metadata"]["labels"] == obj["metadata"]["labels"]


async def every_value(tenant: Tenant, obj: Object) -> list[tuple[str, drift.Leaf]]:
    """Has somebody change one value of a child after another, and waits until it is back; tells what nobody can."""
    refused = []
    for leaf in drift.leaves(obj):
        if leaf in OTHERS_HANDS:
            continue
        if (drifted := await changed(tenant, obj, leaf)) is None:
            refused.append((obj["kind"], leaf))
            continue
        try:
            await tenant.until(*of(obj), lambda live, leaf=leaf, drifted=drifted: back(obj, live, leaf, drifted))
        except TimeoutError:
            raise AssertionError(f"{of(obj)}: {leaf} is still {drifted!r} after {WITHIN} s") from None
    return refused


async def changed(tenant: Tenant, obj: Object, leaf: drift.Leaf) -> Any:
    """Gives a live child another value, as another field manager; what is there now, None where none is taken."""
    others = iter(drift.others(drift.value(obj, leaf)))
    other = next(others)
    while True:
        live = await tenant.have(*of(obj))
        try:
            made = await tenant.cluster.patch(live, drift.changed(live, leaf, other), manager="somebody")
        except Conflict:
            continue  # the operator's own write came between
        except (Invalid, Forbidden):
            made = live
        if drift.value(made, leaf) != drift.value(live, leaf):
            return drift.value(made, leaf) or ""
        if (other := next(others, others)) is others:
            return None


def back(obj: Object, live: Object, leaf: drift.Leaf, drifted: Any) -> bool:
    now, before = drift.value(live, leaf), drift.value(obj, leaf)
    if leaf not in NUMBERED:
        return bool(now == before)
    if leaf[-1] == "limits.json":
        now, before = (re.sub(r'"generation":\d+', "", text or "") for text in (now, before))
        return bool(now == before)
    return now not in (None, drifted)


def of(obj: Object) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]
