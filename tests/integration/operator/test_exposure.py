"""TLS, Ingress and HTTPRoute before a real API server: what it takes, what it lacks, and how addresses follow."""

from __future__ import annotations

import pytest
from tests.integration.operator.conftest import Start
from tests.support.operators import Object, Tenant, accepted, condition, refused

pytestmark = pytest.mark.apiserver


async def certificate(tenant: Tenant, name: str) -> Object:
    return await tenant.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": tenant.namespace},
            "data": {"tls.crt": "eA==", "tls.key": "eA=="},
        }
    )


async def test_a_store_gets_tls_when_its_certificate_is_there(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan)
    plain = await tenant.until("VectorStore", "acme", accepted)
    assert plain["status"]["url"] == f"http://acme.{tenant.namespace}.svc:8000"
    pods, keys = await tenant.have("StatefulSet", "acme"), await tenant.have("Secret", "acme-credentials")

    await tenant.change("VectorStore", "acme", tls={"secretName": "acme-cert"})
    waits = await tenant.until("VectorStore", "acme", refused("CertificateMissing"))
    assert "has no Secret 'acme-cert'" in condition(waits, "Accepted")["message"]
    assert waits["status"]["url"] == plain["status"]["url"]
    assert (await tenant.have("StatefulSet", "acme"))["metadata"]["generation"] == pods["metadata"]["generation"]

    await certificate(tenant, "acme-cert")
    await tenant.change("VectorStore", "acme", tenantId="look-again")
    secured = await tenant.until("VectorStore", "acme", accepted)
    assert secured["status"]["url"] == f"https://acme.{tenant.namespace}.svc:8000"
    volumes = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]["spec"]["volumes"]
    assert [v["secret"]["secretName"] for v in volumes if v["name"] == "tls"] == ["acme-cert"]
    moved = await tenant.have("Secret", "acme-credentials")
    assert {k for k in moved["data"] if moved["data"][k] != keys["data"][k]} == {"url"}
    assert moved["metadata"]["uid"] == keys["metadata"]["uid"]
