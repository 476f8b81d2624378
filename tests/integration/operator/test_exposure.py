"""TLS, Ingress and HTTPRoute before a real API server: what it takes, what it lacks, and how addresses follow."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.operator.conftest import Start
from tests.support.apiserver import ApiServer
from tests.support.operators import Object, Tenant, accepted, condition, refused, wait_until

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
    assert "there is no Secret 'acme-cert'" in condition(waits, "Accepted")["message"]
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


async def test_a_certificate_that_is_gone_keeps_running_pods_from_being_replaced(
    served: ApiServer, tenant: Tenant, start: Start, plan: str
) -> None:
    start()
    await certificate(tenant, "acme-cert")
    await tenant.store("acme", plan=plan, tls={"secretName": "acme-cert"})
    made = await tenant.until("StatefulSet", "acme")
    path = f"/apis/apps/v1/namespaces/{tenant.namespace}/statefulsets/acme/status"
    runs = dict.fromkeys(("observedGeneration", "replicas", "updatedReplicas", "readyReplicas"), 1)
    assert served.call("PATCH", path, {"status": runs}, "application/merge-patch+json")[0] == 200
    await tenant.until("VectorStore", "acme", lambda store: condition(store, "Ready").get("status") == "True")

    await tenant.delete("Secret", "acme-cert")
    await tenant.change("VectorStorePlan", plan, cpu={"request": "100m", "limit": "2"})
    await tenant.until("VectorStore", "acme", refused("CertificateMissing"))
    assert (await tenant.have("StatefulSet", "acme"))["metadata"]["generation"] == made["metadata"]["generation"]


OUTSIDE: Object = {"network": {"clients": [{"namespaceSelector": {}}]}}
GATEWAY: Object = {"gateway": {"name": "front", "namespace": "gateways"}}
INGRESS: Object = {
    "ingress": {"className": "nginx", "annotations": {"a.example/body": "32m"}},
    "tls": {"issuer": {"name": "ours"}},
}

MakePlan = Callable[..., Any]


@pytest.fixture
async def exposing(tenant: Tenant) -> AsyncIterator[MakePlan]:
    """Makes a plan whose stores are exposed so; its name."""
    made: list[Object] = []

    async def make(**stated: Any) -> str:
        name = f"front-{len(made)}-{tenant.namespace}"
        made.append(await tenant.plan(name, exposure={"domain": "example.org"} | stated, **OUTSIDE))
        return name

    yield make
    for plan in made:
        await tenant.cluster.delete(plan)


def http_route() -> Object:
    """The HTTPRoute's definition: the Gateway API's own from the file HTTPROUTE_CRD, else what of it matters here."""
    if file := os.environ.get("HTTPROUTE_CRD"):
        given: Object = yaml.safe_load(Path(file).read_text())
        return given
    text, number = {"type": "string"}, {"type": "integer"}

    def obj(**properties: Object) -> Object:
        return {"type": "object", "properties": properties}

    def several(items: Object, **more: Any) -> Object:
        return {"type": "array", "items": items, **more}

    group = {**text, "default": "gateway.networking.k8s.io"}
    parent = obj(group=group, kind={**text, "default": "Gateway"}, name=text, namespace=text, sectionName=text)
    path = obj(type={**text, "default": "PathPrefix"}, value={**text, "default": "/"})
    matches = several(obj(path=path), default=[{"path": {"type": "PathPrefix", "value": "/"}}])
    service = obj(group={**text, "default": ""}, kind={**text, "default": "Service"}, name=text, port=number)
    backends = several(service | {"properties": service["properties"] | {"weight": {**number, "default": 1}}})
    rules = several(obj(matches=matches, backendRefs=backends))
    spec = obj(parentRefs=several(parent), hostnames=several(text), rules=rules)
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "httproutes.gateway.networking.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api"},
        },
        "spec": {
            "group": "gateway.networking.k8s.io",
            "scope": "Namespaced",
            "names": {"kind": "HTTPRoute", "plural": "httproutes", "singular": "httproute"},
            "versions": [version | {"schema": {"openAPIV3Schema": obj(spec=spec, status=status)}}],
        },
    }


async def test_an_ingress_follows_the_plan_and_is_healed(tenant: Tenant, start: Start, exposing: MakePlan) -> None:
    operator = start()
    await tenant.store("acme", plan=await exposing(**INGRESS))
    outside = await tenant.until("VectorStore", "acme", accepted)
    host = f"acme-{tenant.namespace}.example.org"
    assert outside["status"]["url"] == f"https://{host}"
    assert condition(outside, "Exposed")["reason"] == "NoAnswer"
    made = await tenant.have("Ingress", "acme")
    assert made["spec"]["tls"] == [{"hosts": [host], "secretName": "acme-tls"}]
    wait_until(operator.settled)
    seen = (await tenant.have("Ingress", "acme"))["metadata"]["resourceVersion"]
    await tenant.change("VectorStore", "acme", tenantId="look-again")
    await tenant.until("VectorStore", "acme", accepted)
    assert (await tenant.have("Ingress", "acme"))["metadata"]["resourceVersion"] == seen, "nothing was left to do"

    await tenant.change("Ingress", "acme", rules=[{"host": "elsewhere.example.org"}])
    await tenant.until("Ingress", "acme", lambda obj: obj["spec"]["rules"] == made["spec"]["rules"])
    await tenant.delete("Ingress", "acme")
    await tenant.until("Ingress", "acme", lambda obj: obj["metadata"]["uid"] != made["metadata"]["uid"])

    await tenant.change("VectorStore", "acme", hostname="shop.example.org")
    await tenant.until("Ingress", "acme", lambda obj: obj["spec"]["rules"][0]["host"] == "shop.example.org")
    await tenant.store("thief", plan=outside["spec"]["plan"], hostname="shop.example.org")
    await tenant.until("VectorStore", "thief", refused("HostnameTaken"))
    assert await tenant.get("Ingress", "thief") is None

    await tenant.plan(hidden := f"hidden-{tenant.namespace}")
    await tenant.change("VectorStore", "acme", plan=hidden, hostname=None)
    await tenant.gone("Ingress", "acme")
    inside = await tenant.until("VectorStore", "acme", lambda obj: obj["status"]["url"].endswith(".svc:8000"))
    assert not condition(inside, "Exposed")
    await tenant.delete("VectorStorePlan", hidden)


async def test_a_route_is_made_once_the_gateway_api_is_there_and_its_going_ends_nothing(
    served: ApiServer, tenant: Tenant, start: Start, exposing: MakePlan
) -> None:
    operator = start()
    plain = await tenant.plan(f"plain-{tenant.namespace}")
    await tenant.store("other", plan=plain["metadata"]["name"])
    await tenant.store("acme", plan=await exposing(**GATEWAY))
    waits = await tenant.until("VectorStore", "acme", refused("KindMissing"))
    assert (
        "exposure.gateway goes by HTTPRoute, which this cluster does not have"
        in condition(waits, "Accepted")["message"]
    )
    await tenant.until("VectorStore", "other", accepted)

    definition = http_route()
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
    served.install([definition])
    try:
        made = await tenant.until("HTTPRoute", "acme")
        assert made["spec"]["hostnames"] == [f"acme-{tenant.namespace}.example.org"]
        store = await tenant.until("VectorStore", "acme", accepted)
        assert store["status"]["url"] == f"https://acme-{tenant.namespace}.example.org"

        said = {"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": "not from here"}
        said |= {"lastTransitionTime": "2026-01-01T00:00:00Z"}
        parent = {"parentRef": {"name": "front"}, "controllerName": "example.org/gateways", "conditions": [said]}
        route = f"/apis/gateway.networking.k8s.io/v1/namespaces/{tenant.namespace}/httproutes/acme/status"
        status = {"status": {"parents": [parent]}}
        assert served.call("PATCH", route, status, "application/merge-patch+json")[0] == 200
        await tenant.until(
            "VectorStore", "acme", lambda obj: condition(obj, "Exposed")["reason"] == "NotAllowedByListeners"
        )
        wait_until(operator.settled)
        seen = (await tenant.have("HTTPRoute", "acme"))["metadata"]["generation"]
        await tenant.change("VectorStore", "acme", tenantId="look-again")
        await tenant.until("VectorStore", "acme", accepted)
        assert (await tenant.have("HTTPRoute", "acme"))["metadata"]["generation"] == seen
    finally:
        assert served.call("DELETE", path)[0] == 200

    await tenant.until("VectorStore", "acme", refused("KindMissing"))
    assert operator.ready()
    await tenant.change("VectorStore", "other", tenantId="look-again")
    await tenant.until("VectorStore", "other", accepted)
    await tenant.cluster.delete(plain)
