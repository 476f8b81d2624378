"""From live objects to a verdict."""

from __future__ import annotations

from typing import Any

from vectorstore_operator.plan import Plan, Resolved, accept
from vectorstore_operator.refusal import Refusal


def store(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    meta = {"name": "acme", "namespace": "tenants", "uid": "u1", "generation": 3}
    return {"kind": "VectorStore", "metadata": meta, "spec": spec, "status": status or {}}


def plan(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "VectorStorePlan", "metadata": {"name": name}, "spec": {"documents": 1000} | spec}


def reason(verdict: object) -> str:
    assert isinstance(verdict, Refusal)
    return verdict.reason


def test_a_store_is_resolved_with_its_identity_and_the_default_plan() -> None:
    found = accept.store(store(), [plan("a", default=True), plan("b")], {})
    assert isinstance(found, Resolved)
    assert (found.name, found.namespace, found.uid, found.generation) == ("acme", "tenants", "u1", 3)
    assert found.plan.name == "a"


def test_the_plan_it_has_stays_when_another_becomes_the_default() -> None:
    found = accept.store(store(status={"plan": "b"}), [plan("a", default=True), plan("b")], {})
    assert isinstance(found, Resolved)
    assert found.plan.name == "b"


def test_a_field_that_cannot_be_read_is_named_with_its_value() -> None:
    found = accept.store(store(quota={"documents": -5}), [plan("a", default=True)], {})
    assert reason(found) == "SpecInvalid"
    assert isinstance(found, Refusal)
    assert "spec.quota.documents" in found.message
    assert "-5" in found.message


def test_a_plan_that_cannot_be_read_stops_its_own_stores_alone() -> None:
    plans = [plan("broken", documents="many"), plan("good")]
    assert reason(accept.store(store(plan="broken"), plans, {})) == "PlanInvalid"
    assert isinstance(accept.store(store(plan="good"), plans, {}), Resolved)
    assert reason(accept.plan(plans[0])) == "SpecInvalid"
    assert isinstance(accept.plan(plans[1]), Plan)


def test_the_volume_it_has_decides_over_the_plans() -> None:
    requests = {"resources": {"requests": {"storage": "77Gi"}}}
    claim = {"spec": requests}
    template = {"spec": {"volumeClaimTemplates": [{"spec": requests}]}}
    for children in ({("PersistentVolumeClaim", "data-acme-0"): claim}, {("StatefulSet", "acme"): template}):
        found = accept.store(store(), [plan("a", default=True)], children)
        assert isinstance(found, Resolved)
        assert found.storage == 77 << 30
