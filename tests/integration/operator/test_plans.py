"""What plans say of their stores, against a real API server."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tests.integration.operator.conftest import Start
from tests.support.apiserver import ApiServer
from tests.support.operators import Tenant, accepted, refused

from vectorstore_operator.cluster.kinds import PLAN

pytestmark = pytest.mark.apiserver

ENDPOINT = {"model": "ada", "url": "https://api.openai.com/v1", "dimension": 384, "secretName": "openai"}


Make = Callable[..., Awaitable[str]]


@pytest.fixture
async def another(tenant: Tenant) -> AsyncIterator[Make]:
    """Makes further plans of the test's own; tells their names."""
    plans = []

    async def make(**spec: Any) -> str:
        plans.append(await tenant.plan(f"another{len(plans)}-{tenant.namespace}", **spec))
        return str(plans[-1]["metadata"]["name"])

    yield make
    for plan in plans:
        await tenant.cluster.delete(plan)


async def test_a_plan_counts_its_stores(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.until(PLAN.name, plan, lambda p: p.get("status", {}).get("stores") == 0)
    for name in ("acme", "bravo"):
        await tenant.store(name, plan=plan)
    await tenant.until(PLAN.name, plan, lambda p: p["status"]["stores"] == 2)
    await tenant.delete("VectorStore", "acme")
    await tenant.until(PLAN.name, plan, lambda p: p["status"]["stores"] == 1)


async def test_a_plan_goes_by_the_labels_of_namespaces(
    served: ApiServer, tenant: Tenant, start: Start, another: Make
) -> None:
    plan = await another(allowedNamespaces={"matchLabels": {"tier": "gold"}})
    start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", refused("PlanNotAllowed"))
    assert await tenant.get("StatefulSet", "acme") is None

    labelled = {"metadata": {"labels": {"tier": "gold"}}}
    path = f"/api/v1/namespaces/{tenant.namespace}"
    assert served.call("PATCH", path, labelled, "application/merge-patch+json")[0] == 200
    await tenant.change("VectorStore", "acme", quota={"documents": 7})  # else it is looked at a minute later
    await tenant.until("VectorStore", "acme", accepted)


async def test_a_store_waits_for_its_endpoints_key_and_says_so(tenant: Tenant, start: Start, another: Make) -> None:
    plan = await another(embeddings=[ENDPOINT])
    start()
    await tenant.store("acme", plan=plan, model="ada")
    store = await tenant.until("VectorStore", "acme", refused("SecretMissing"))
    told = {c["type"]: c["message"] for c in store["status"]["conditions"]}
    assert f"there is no Secret 'openai' in namespace {tenant.namespace}" in told["Accepted"]
    assert told["Ready"] == "there are no pods: see Accepted"

    key = base64.b64encode(b"secret").decode()
    meta = {"name": "openai", "namespace": tenant.namespace}
    await tenant.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"api-key": key}})
    store = await tenant.until("VectorStore", "acme", accepted)
    assert store["status"]["dimension"] == 384
    pod = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]["spec"]
    assert "openai" in [volume.get("secret", {}).get("secretName") for volume in pod["volumes"]]
    ranges = (await tenant.have("NetworkPolicy", "acme"))["spec"]["egress"][-1]
    assert ranges["ports"] == [{"port": 443, "protocol": "TCP"}]


async def test_a_store_keeps_its_precision(tenant: Tenant, start: Start, plan: str, another: Make) -> None:
    start()
    await tenant.store("acme", plan=plan)
    store = await tenant.until("VectorStore", "acme", accepted)
    assert store["status"]["precision"] == "fp32"
    pods = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]

    other = await another(precision="int8")
    await tenant.change("VectorStore", "acme", plan=other)
    await tenant.until("VectorStore", "acme", refused("PrecisionFixed"))
    await tenant.change("VectorStore", "acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)

    await tenant.change(PLAN.name, plan, precision="int8", logFormat="json")
    logged = {"name": "LOG_FORMAT", "value": "json"}
    live = await tenant.until(
        "StatefulSet", "acme", lambda s: logged in s["spec"]["template"]["spec"]["containers"][0]["env"]
    )
    environment = live["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [v for v in environment if v != logged] == pods["spec"]["containers"][0]["env"]
    assert (await tenant.until("VectorStore", "acme", accepted))["status"]["precision"] == "fp32"
