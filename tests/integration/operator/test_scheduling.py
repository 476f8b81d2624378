"""What a real API server says to where pods are to run."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.operator.conftest import Start
from tests.support.apiserver import ApiServer
from tests.support.operators import Tenant, accepted, condition, refused

pytestmark = pytest.mark.apiserver


async def test_a_store_waits_for_its_priority_class(served: ApiServer, tenant: Tenant, start: Start) -> None:
    start()
    name = f"tenants-{tenant.namespace}"
    plan = await tenant.plan(f"placed-{tenant.namespace}", scheduling={"priorityClassName": name})
    await tenant.store("acme", plan=plan["metadata"]["name"])
    waits = await tenant.until("VectorStore", "acme", refused("PriorityClassMissing"))
    assert f"no PriorityClass '{name}' is there" in condition(waits, "Accepted")["message"]
    assert await tenant.get("StatefulSet", "acme") is None

    head = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 1}
    assert served.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", head)[0] == 201
    await tenant.until("VectorStore", "acme", accepted)
    template = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]["spec"]
    assert template["priorityClassName"] == name
    await tenant.cluster.delete(plan)


@pytest.mark.parametrize(
    ("toleration", "says"),
    [
        ({"key": "a", "operator": "Exists", "value": "b"}, "a toleration's value goes with operator Equal"),
        ({"effect": "NoSchedule"}, "then operator must be Exists"),
        ({"key": "a", "tolerationSeconds": 5}, "tolerationSeconds goes with effect NoExecute"),
        ({"key": "a b"}, "spec.scheduling.tolerations[0].key"),
    ],
)
def test_a_wrong_toleration_is_refused_at_once(served: ApiServer, toleration: Any, says: str) -> None:
    spec = {"documents": 1, "scheduling": {"tolerations": [toleration]}}
    body = {"apiVersion": "vectorstore.dev/v1alpha1", "kind": "VectorStorePlan", "metadata": {"name": "wrong"}}
    status, answer = served.call("POST", "/apis/vectorstore.dev/v1alpha1/vectorstoreplans", body | {"spec": spec})
    assert status == 422
    assert says in answer["message"]
