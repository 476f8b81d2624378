"""A store before an engine elsewhere, at a real API server."""

from __future__ import annotations

import pytest
from tests.integration.operator.conftest import Start
from tests.support.operators import Tenant, accepted, condition, refused, wait_until

pytestmark = pytest.mark.apiserver

REMOTE = {"url": "http://chroma.example:8000", "secretName": "chroma"}


async def test_a_store_before_an_engine_elsewhere_has_pods_and_no_volume(
    tenant: Tenant, start: Start, plan: str
) -> None:
    operator = start()
    await tenant.store("acme", plan=plan, replicas=2, engine={"remote": REMOTE})
    await tenant.until("VectorStore", "acme", refused("EngineNotAllowed"))
    assert await tenant.get("StatefulSet", "acme") is None

    await tenant.change("VectorStorePlan", plan, remoteEngines=["http://chroma.example:8000"])
    store = await tenant.until("VectorStore", "acme", refused("SecretMissing"))
    assert "kubectl create secret generic chroma" in condition(store, "Accepted")["message"]
    head = {"name": "chroma", "namespace": tenant.namespace}
    await tenant.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": head, "stringData": {"token": "x"}})

    store = await tenant.until("VectorStore", "acme", accepted)
    assert condition(store, "StorageHealthy")["reason"] == "NoVolume"
    spec = (await tenant.until("StatefulSet", "acme"))["spec"]
    assert (spec["replicas"], spec.get("volumeClaimTemplates")) == (2, None)
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        await tenant.have(kind, "acme")
    wait_until(operator.settled)
    before = await tenant.versions()
    assert operator.stop() == 0
    again = start()
    wait_until(again.settled)
    assert await tenant.versions() == before
