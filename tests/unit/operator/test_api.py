"""The models of the API, and that the CRDs' schemas agree with them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from pydantic import ValidationError

from vectorstore_operator.api.base import Model, fixed_fields_changed
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import FIXED, StoreSpec, name_allowed
from vectorstore_operator.crd.structural import structural

# OpenAPI 3.0 took its `exclusiveMinimum: true` from draft 4.
SCHEMAS: dict[type[Model], Draft4Validator] = {
    model: Draft4Validator(structural(model)) for model in (StoreSpec, PlanSpec)
}


STRANGE: list[Any] = [-1, 0, 70_000, 200_000_000, 0.5, 3.0, True, "", "5", "-1Gi", "No_", "x" * 300, {}, []]


def values(*good: Any) -> st.SearchStrategy[Any]:
    """Mostly what a field may be, sometimes what only looks like it."""
    return st.sampled_from([*good] * 8 + STRANGE)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


QUANTITIES = values("1", "512Mi", "1.5Gi", "250m", "0", "9999Pi")
URLS = values("https://a.example/v1", "http://b:8080", "https://u:p@c", "https://d/?e=f", "https://g:0")
STORES = objects(
    plan=values("starter", "a.b-c", "9"),
    model=values("all-MiniLM-L6-v2", "none"),
    dimension=values(1, 384, 65536),
    quota=objects(documents=values(1, 5000), bytes=QUANTITIES, requestsPerSecond=values(0.5, 7)),
    embedding=objects(secretName=values("openai")),
    jwt=objects(issuer=URLS, audience=values("me"), jwksUrl=URLS, databaseClaim=values("sub")),
    corsOrigins=st.lists(values("*", "https://app.example.com", "https://a/b"), max_size=3),
    tenantId=values("Acme", "a_b.c-9"),
    replicas=values(1, 16),
    storage=objects(size=QUANTITIES, className=values("fast")),
    deletionPolicy=values("Retain", "Delete"),
    paused=values(True, False),
    hibernated=values(True, False),
    engine=objects(
        remote=objects(
            url=values("https://c.example:8000/a", "http://c", "ftp://c"),
            secretName=values("chroma"),
            entries=st.lists(values("token", "headers"), max_size=3),
            tenant=values("t"),
            database=values("d"),
        )
    ),
)
LABELS = objects(matchLabels=st.dictionaries(st.sampled_from("abcdefghijklmnopqr"), values("b"), max_size=17))
PLANS = st.fixed_dictionaries(
    {"documents": values(1, 100_000_000)},
    optional={
        "dimension": values(1, 65536),
        "models": st.lists(values("none"), max_size=3),
        "default": values(True),
        "precision": values("fp32", "int8"),
        "embeddings": st.lists(
            objects(model=values("e5", "none"), url=URLS, dimension=values(8), secretName=values("s")), max_size=3
        ),
        "limits": objects(
            collections=values(1), bytes=QUANTITIES, batchRows=values(5461, 5462), whereDocument=values(True)
        ),
        "documentUrls": st.lists(URLS | values("presigned"), max_size=3),
        "issuers": st.lists(URLS | values("*"), max_size=3),
        "allowedNamespaces": objects(names=st.lists(values("a"), max_size=3), matchLabels=values({"a": "b"})),
        "logFormat": values("json"),
        "replicas": objects(min=values(1, 2), max=values(2, 16), cpuPercent=values(10, 100)),
        "cpu": objects(request=QUANTITIES, limit=QUANTITIES),
        "memory": QUANTITIES,
        "storage": objects(size=QUANTITIES, className=values("fast"), accessMode=values("ReadWriteOnce")),
        "network": objects(clients=st.lists(objects(namespaceSelector=LABELS, podSelector=LABELS), max_size=17)),
    },
)


def agree(model: type[Model], spec: dict[str, Any]) -> None:
    try:
        model.model_validate(spec)
    except ValidationError:
        return
    SCHEMAS[model].validate(spec)


@given(STORES)
def test_a_store_that_the_models_accept_is_one_to_the_schema(spec: dict[str, Any]) -> None:
    agree(StoreSpec, spec)


@given(PLANS)
def test_a_plan_that_the_models_accept_is_one_to_the_schema(spec: dict[str, Any]) -> None:
    agree(PlanSpec, spec)


@pytest.mark.parametrize(
    ("model", "spec", "says"),
    [
        (StoreSpec, {"model": "none"}, "dimension goes with model: none, and only with it"),
        (StoreSpec, {"dimension": 3}, "dimension goes with model: none, and only with it"),
        (StoreSpec, {"quota": {"documents": -1}}, "greater than or equal to 1"),
        (StoreSpec, {"quota": {"documents": "5"}}, "valid integer"),
        (StoreSpec, {"qouta": {}}, "Extra inputs are not permitted"),
        (PlanSpec, {"documents": 5, "replicas": {"min": 2}}, "replicas.min is above replicas.max"),
        (PlanSpec, {"documents": 5, "scheduling": {"nodeSelector": {"a pool": "x"}}}, "'a pool' is no key of a label"),
        (PlanSpec, {"documents": 5, "allowedNamespaces": {"matchLabels": {"t" * 64: "x"}}}, "is no key of a label"),
        (
            PlanSpec,
            {"documents": 5, "exposure": {"domain": "a.example", "ingress": {"annotations": {"body:": "1m"}}}},
            "'body:' is no key of a label or annotation",
        ),
        (PlanSpec, {"documents": 5, "memory": "a lot"}, "should match pattern"),
        (StoreSpec, {"storage": {"size": "-1Gi"}}, "should match pattern"),
        (StoreSpec, {"storage": {"size": "1e10"}}, "should match pattern"),
        (StoreSpec, {"storage": {"size": "0"}}, "must be at least 1Mi and at most 1Ei"),
        (StoreSpec, {"storage": {"size": "0.0Gi"}}, "must be at least 1Mi and at most 1Ei"),
        (StoreSpec, {"quota": {"bytes": "9223372036854775808"}}, "must be at least 1Mi and at most 1Ei"),
        (StoreSpec, {"quota": {"bytes": "1000.5"}}, "should match pattern"),
        (StoreSpec, {"quota": {"bytes": "100m"}}, "should match pattern"),
        (PlanSpec, {"documents": 5, "limits": {"bodyBytes": "1000"}}, "must be at least 1Ki and at most 1Ei"),
        (PlanSpec, {"documents": 5, "cpu": {"limit": "0"}}, "must be at least 1m and at most 1k"),
        (PlanSpec, {"documents": 5, "cpu": {"request": "0.0001"}}, "must be at least 1m and at most 1k"),
        (PlanSpec, {"documents": 5, "network": {"clients": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}}, "does not appear"),
        (
            PlanSpec,
            {"documents": 5, "network": {"clients": [{"ipBlock": {"cidr": "10.0.0.5"}}]}},
            "should match pattern",
        ),
        (
            PlanSpec,
            {"documents": 5, "network": {"clients": [{"ipBlock": {"cidr": "10.0.0.0/255.0.0.0"}}]}},
            "should match pattern",
        ),
        (
            PlanSpec,
            {"documents": 5, "scheduling": {"topologySpread": [{"topologyKey": "zone"}, {"topologyKey": "zone"}]}},
            "topologyKey zone is given twice",
        ),
        (
            PlanSpec,
            {"documents": 5, "network": {"clients": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}},
            "ipBlock does not go together",
        ),
    ],
)
def test_what_is_wrong_is_said(model: type[Model], spec: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        model.model_validate(spec)


@pytest.mark.parametrize(("name", "allowed"), [("a", True), ("a-9", True), ("a" * 40, True), ("a" * 41, False)])
def test_names_of_children_fit(name: str, allowed: bool) -> None:
    assert name_allowed(name) is allowed


@pytest.mark.parametrize("name", ["", "9a", "-a", "a-", "A", "a.b", "a_b", "ä", "a\n"])
def test_names_that_are_none_of_a_service_are_refused(name: str) -> None:
    assert not name_allowed(name)


def test_what_is_fixed_is_named_without_an_api_server_too() -> None:
    one, other = StoreSpec(), StoreSpec.model_validate({"model": "none", "dimension": 3})
    assert fixed_fields_changed(one, other, *FIXED) == (
        "model is fixed when the store is made; make another store for another model"
    )
    assert fixed_fields_changed(one, StoreSpec(replicas=2), *FIXED) is None
