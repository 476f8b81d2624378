"""What a real API server says of the CRDs and of the objects they are for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.support.apiserver import ApiServer

from vectorstore_operator import crd

pytestmark = pytest.mark.apiserver

STORES = "/apis/vectorstore.dev/v1alpha1/namespaces/default/vectorstores"
PLANS = "/apis/vectorstore.dev/v1alpha1/vectorstoreplans"
MERGE = "application/merge-patch+json"

Spec = dict[str, Any]


@pytest.fixture(scope="session")
def api(apiserver: ApiServer) -> ApiServer:
    """The API server with both CRDs established."""
    apiserver.install(yaml.safe_load(text) for text in crd.files().values())
    return apiserver


def create(api: ApiServer, name: str, spec: Spec | None = None, kind: str = "VectorStore") -> tuple[int, Any]:
    body = {"apiVersion": "vectorstore.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
    path = STORES if kind == "VectorStore" else PLANS
    return api.call("POST", f"{path}?fieldValidation=Strict", body if spec is None else body | {"spec": spec})


def test_a_store_without_a_spec_has_one_replica_and_can_be_scaled(api: ApiServer) -> None:
    status, made = create(api, "bare")
    assert (status, made["spec"]) == (201, {"replicas": 1})

    seen = {"replicas": 1, "selector": "vectorstore.dev/store=bare"}
    api.call("PATCH", f"{STORES}/bare/status", {"status": seen}, MERGE)
    status, scale = api.call("PATCH", f"{STORES}/bare/scale", {"spec": {"replicas": 3}}, MERGE)

    assert status == 200
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, seen)
    assert api.call("GET", f"{STORES}/bare")[1]["spec"] == {"replicas": 3}


@pytest.mark.parametrize(
    ("name", "spec", "says"),
    [
        ("UPPER", {}, "metadata.name"),
        ("9lives", {}, "at most 40 of a-z, 0-9 and -"),
        ("a" * 41, {}, "at most 40 of a-z, 0-9 and -"),
        ("wide", {"model": "all-MiniLM-L6-v2", "dimension": 3}, "dimension goes with model: none, and only with it"),
        ("flat", {"model": "none"}, "dimension goes with model: none, and only with it"),
        ("other", {"model": "g p t"}, "spec.model in body should match"),
        ("less", {"quota": {"documents": -5}}, "spec.quota.documents"),
        ("small", {"storage": {"size": "-1Gi"}}, "spec.storage.size"),
        ("none", {"storage": {"size": "0"}}, "must be at least 1Mi and at most 1Ei"),
        ("none", {"quota": {"bytes": "0Gi"}}, "must be at least 1Mi and at most 1Ei"),
        ("huge", {"storage": {"size": "9223372036854775808"}}, "must be at least 1Mi and at most 1Ei"),
        ("huge", {"quota": {"bytes": "9999999999999999Pi"}}, "must be at least 1Mi and at most 1Ei"),
        ("part", {"storage": {"size": "1073741824.5"}}, "spec.storage.size"),
        ("power", {"storage": {"size": "1e10"}}, "spec.storage.size"),
        ("typo", {"qouta": {"documents": 5}}, 'unknown field "spec.qouta"'),
        ("crowd", {"replicas": 17}, "spec.replicas"),
        ("far", {"engine": {"remote": {"url": "ftp://chroma"}}}, "spec.engine.remote.url"),
        ("far", {"engine": {"remote": {"url": "http://c"}}, "storage": {}}, "storage does not go with engine.remote"),
        (
            "far",
            {"engine": {"remote": {"url": "http://c"}}, "quota": {"bytes": "1Gi"}},
            "quota.bytes does not go with engine.remote",
        ),
        ("far", {"engine": {"remote": {"url": "http://c", "entries": ["token"]}}}, "entries go with secretName"),
    ],
)
def test_a_wrong_store_is_refused_with_the_reason(api: ApiServer, name: str, spec: Spec, says: str) -> None:
    status, answer = create(api, name, spec)
    assert status in (400, 422)
    assert says in answer["message"]


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("model", None, "all-MiniLM-L6-v2"),
        ("engine", None, {"remote": {"url": "http://chroma:8000"}}),
        ("engine", {"remote": {"url": "http://chroma:8000"}}, None),
        ("engine", {"remote": {"url": "http://chroma:8000"}}, {"remote": {"url": "http://other:8000"}}),
        ("dimension", 3, 4),
    ],
)
def test_what_is_fixed_neither_comes_nor_changes_nor_goes(
    api: ApiServer, request: pytest.FixtureRequest, field: str, before: Any, after: Any
) -> None:
    name = f"fixed{request.node.callspec.indices['before']}"
    base = {"model": "none"} if field == "dimension" else {}
    assert create(api, name, base | ({} if before is None else {field: before}))[0] == 201

    status, answer = api.call("PATCH", f"{STORES}/{name}", {"spec": {field: after}}, MERGE)

    assert status == 422
    assert f"{field} is fixed when the store is made; make another store for another {field}" in answer["message"]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (None, {"size": "20Gi"}, None),
        ({"size": "20Gi"}, {"size": "20480Mi"}, None),
        ({"size": "20Gi"}, {"size": "30Gi"}, None),
        ({"size": "20Gi"}, None, None),
        ({"size": "20Gi", "className": "fast"}, {"size": None}, None),
        ({"size": "20Gi"}, {"size": "19.5Gi"}, "a volume grows and does not shrink"),
        (None, {"className": "fast"}, "storage.className is fixed"),
        ({"className": "fast"}, {"className": "slow"}, "storage.className is fixed"),
        ({"className": "fast"}, {"className": None}, "storage.className is fixed"),
        ({"className": "fast"}, None, "storage.className is fixed"),
    ],
)
def test_a_volume_grows_and_keeps_its_class(
    api: ApiServer, request: pytest.FixtureRequest, before: Any, after: Any, says: str | None
) -> None:
    name = f"vol{request.node.callspec.indices['before']}"
    assert create(api, name, {} if before is None else {"storage": before})[0] == 201
    status, answer = api.call("PATCH", f"{STORES}/{name}", {"spec": {"storage": after}}, MERGE)
    assert status == (422 if says else 200)
    assert says is None or says in answer["message"]


def test_what_is_not_fixed_changes(api: ApiServer) -> None:
    create(api, "moving", {"quota": {"documents": 5}})
    change = {"spec": {"quota": {"documents": 6}, "plan": "standard", "paused": True}}
    assert api.call("PATCH", f"{STORES}/moving", change, MERGE)[0] == 200


def test_a_plan_is_filled_in(api: ApiServer) -> None:
    status, made = create(api, "filled", {"documents": 5, "replicas": {"max": 3}}, "VectorStorePlan")
    assert status == 201
    assert made["spec"]["replicas"] == {"min": 1, "max": 3, "cpuPercent": 70}
    assert made["spec"]["cpu"] == {"request": "250m", "limit": "1"}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"documents": 5, "replicas": {"min": 3, "max": 2}}, "replicas.min is above replicas.max"),
        ({}, "spec.documents: Required value"),
        ({"documents": 5, "memory": "much"}, "spec.memory"),
        ({"documents": 5, "memory": "0"}, "must be at least 1Mi and at most 1Ei"),
        ({"documents": 5, "scratch": "9000Pi"}, "must be at least 1Mi and at most 1Ei"),
        ({"documents": 5, "limits": {"bodyBytes": "1"}}, "must be at least 1Ki and at most 1Ei"),
        (
            {"documents": 5, "storage": {"autoGrow": {"step": "0", "max": "1Gi"}}},
            "must be at least 1Mi and at most 1Ei",
        ),
        ({"documents": 5, "cpu": {"limit": "0"}}, "must be at least 1m and at most 1k"),
        ({"documents": 5, "cpu": {"request": "0.5m"}}, "must be at least 1m and at most 1k"),
        ({"documents": 5, "network": {"clients": [{}] * 17}}, "must have at most 16 items"),
        ({"documents": 5, "limits": {"batchRows": 6000}}, "spec.limits.batchRows"),
        ({"documents": 5, "precision": "fp16"}, 'supported values: "fp32", "int8"'),
        (
            {"documents": 5, "embeddings": [{"model": "none", "url": "https://a.example/v1", "dimension": 3}]},
            "all-MiniLM-L6-v2 and none need no endpoint",
        ),
        (
            {"documents": 5, "embeddings": [{"model": "e", "url": "https://a:b@c.example/v1", "dimension": 3}]},
            "spec.embeddings[0].url",
        ),
        ({"documents": 5, "documentUrls": ["files.example.com"]}, "spec.documentUrls[0]"),
        (
            {"documents": 5, "allowedNamespaces": {"names": ["a"], "matchLabels": {"a": "b"}}},
            "allowedNamespaces: either names or matchLabels",
        ),
        (
            {"documents": 5, "network": {"clients": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}},
            "ipBlock does not go together with namespaceSelector or podSelector",
        ),
    ],
)
def test_a_wrong_plan_is_refused_with_the_reason(api: ApiServer, spec: Spec, says: str) -> None:
    status, answer = create(api, "wrong", spec, "VectorStorePlan")
    assert status == 422
    assert says in answer["message"]
