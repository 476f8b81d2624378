"""From a spec and a plan to a store in full, or to why not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.desired import SHIPPED, sized, store

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.plan import Identity, Plan, Resolved, choose_plan, resolve, size_plan
from vectorstore_operator.plan.volume import Volume
from vectorstore_operator.quantity import GI
from vectorstore_operator.refusal import Refusal


def refusal(plan: Plan, claimed: int | None = None, **spec: Any) -> Refusal:
    found = resolve(Identity("acme"), StoreSpec.model_validate(spec), plan, Volume(claimed=claimed))
    assert isinstance(found, Refusal), found
    return found


@pytest.mark.parametrize(
    ("name", "documents", "pods"),
    [("starter", 100_000, (1, 1)), ("standard", 1_000_000, (1, 3)), ("performance", 3_000_000, (1, 5))],
)
def test_the_shipped_plans_hold_what_they_promise(name: str, documents: int, pods: tuple[int, int]) -> None:
    plan = size_plan(name, PlanSpec.model_validate(SHIPPED[name]))
    assert isinstance(plan, Plan)
    assert plan.spec.documents == documents
    assert (plan.spec.replicas.min, plan.spec.replicas.max) == pods
    assert resolve(Identity("acme"), StoreSpec(), plan)


def test_one_shipped_plan_is_the_default() -> None:
    assert [name for name, spec in SHIPPED.items() if spec.get("default")] == ["starter"]


def test_everything_comes_from_the_plan() -> None:
    plan = sized("p", {"documents": 1000, "replicas": {"min": 2, "max": 4}, "storage": {"className": "fast"}})
    resolved = store(plan)
    assert (resolved.model, resolved.dimension, resolved.documents) == ("all-MiniLM-L6-v2", 384, 1000)
    assert (resolved.replicas, resolved.storage, resolved.storage_class) == (2, plan.storage, "fast")
    assert (resolved.tenant_id, resolved.delete_volumes, resolved.embeds) == ("acme", False, True)
    assert resolved.limits.max_documents == 1000


def test_the_spec_overrides_the_plan() -> None:
    spec: dict[str, Any] = {
        "model": "none",
        "dimension": 8,
        "quota": {"documents": 7},
        "storage": {"size": "30Gi", "className": "slow"},
        "tenantId": "Acme",
        "deletionPolicy": "Delete",
    }
    resolved = store("starter", **spec)
    assert (resolved.model, resolved.dimension, resolved.documents) == ("none", 8, 7)
    assert (resolved.storage, resolved.storage_class) == (30 * GI, "slow")
    assert (resolved.tenant_id, resolved.delete_volumes, resolved.embeds) == ("Acme", True, False)
    assert resolved.limits.max_dimension == 384


@pytest.mark.parametrize(("asked", "given"), [(1, 2), (2, 2), (3, 3), (9, 4)])
def test_replicas_are_brought_within_the_plan(asked: int, given: int) -> None:
    assert store(sized("p", {"documents": 5, "replicas": {"min": 2, "max": 4}}), replicas=asked).replicas == given


@pytest.mark.parametrize(
    ("spec", "reason", "says"),
    [
        (
            {"quota": {"documents": 100_001}},
            "QuotaAbovePlan",
            "spec.quota.documents: 100001 is above the 100000 of plan",
        ),
        ({"model": "none", "dimension": 385}, "DimensionAbovePlan", "spec.dimension: 385 is not within 1 and the 384"),
        ({"storage": {"size": "1Gi"}}, "StorageTooSmall", "1Gi hold no document"),
    ],
)
def test_what_a_plan_cannot_hold_is_refused(spec: dict[str, Any], reason: str, says: str) -> None:
    found = refusal(sized("starter", SHIPPED["starter"]), **spec)
    assert found.reason == reason
    assert says in found.message


def test_a_model_that_a_plan_leaves_out_is_refused() -> None:
    found = refusal(sized("p", {"documents": 5, "models": ["none"]}))
    assert found == Refusal("ModelNotInPlan", "spec.model: 'all-MiniLM-L6-v2' is not offered by plan p; it has none")


def test_a_volume_that_is_too_small_says_how_much_fits() -> None:
    plan = sized("starter", SHIPPED["starter"])
    found = refusal(plan, claimed=plan.storage - GI, quota={"documents": plan.spec.documents})
    most = int(found.message.split("lower the quota to ")[1].split(" ")[0])
    fitting, held = StoreSpec.model_validate({"quota": {"documents": most}}), Volume(claimed=plan.storage - GI)
    assert isinstance(resolve(Identity("acme"), fitting, plan, held), Resolved)


def test_a_quota_that_was_left_out_is_what_plan_and_volume_hold() -> None:
    small, large = sized("starter", SHIPPED["starter"]), sized("standard", SHIPPED["standard"])
    moved = resolve(Identity("acme"), StoreSpec(), large, Volume(claimed=small.storage))
    assert isinstance(moved, Resolved)
    assert small.spec.documents <= moved.documents < large.spec.documents
    fresh = resolve(Identity("acme"), StoreSpec(), large)
    assert isinstance(fresh, Resolved)
    assert fresh.documents == large.spec.documents


def test_a_volume_that_holds_nothing_is_refused() -> None:
    found = refusal(sized("starter", SHIPPED["starter"]), claimed=GI)
    assert found.reason == "StorageTooSmall"
    assert "1Gi hold no document" in found.message


LONG = [f"https://files.example/{'x' * 1000}"] * 32


@pytest.mark.parametrize(
    ("spec", "reason", "says"),
    [
        ({"memory": "64Mi"}, "PlanTooSmall", "plan p: memory 64Mi cannot hold 100000 documents of dimension 384"),
        ({"storage": {"size": "1Gi"}}, "PlanTooSmall", "plan p: storage.size 1Gi cannot hold"),
        (
            dict.fromkeys(("issuers", "documentUrls", "remoteEngines"), LONG),
            "PlanInvalid",
            "above 65536; shorten network",
        ),
        ({"cpu": {"request": "2"}}, "PlanInvalid", "cpu.request 2 is above cpu.limit 1; lower the request"),
    ],
)
def test_a_plan_that_cannot_hold_its_own_is_refused(spec: dict[str, Any], reason: str, says: str) -> None:
    found = size_plan("p", PlanSpec.model_validate({"documents": 100_000} | spec))
    assert isinstance(found, Refusal)
    assert found.reason == reason
    assert says in found.message


def test_a_plan_may_give_more_than_is_needed() -> None:
    plan = sized("p", {"documents": 5, "memory": "4Gi", "storage": {"size": "99Gi"}})
    assert (plan.memory, plan.storage) == (4 * GI, 99 * GI)


PLAIN, DEFAULT = PlanSpec(documents=5), PlanSpec(documents=5, default=True)


@pytest.mark.parametrize(
    ("wanted", "pinned", "plans", "found"),
    [
        ("b", "a", {"a": DEFAULT, "b": PLAIN}, "b"),
        (None, "b", {"a": DEFAULT, "b": PLAIN}, "b"),
        (None, None, {"a": DEFAULT, "b": PLAIN}, "a"),
    ],
)
def test_the_plan_is_the_named_the_pinned_or_the_default_one(
    wanted: str | None, pinned: str | None, plans: dict[str, PlanSpec], found: str
) -> None:
    assert choose_plan(wanted, pinned, plans) == found


@pytest.mark.parametrize(
    ("wanted", "pinned", "plans", "says"),
    [
        ("c", "a", {"a": DEFAULT, "b": PLAIN}, "spec.plan: no VectorStorePlan 'c'; known: a, b"),
        (
            None,
            "c",
            {"a": DEFAULT},
            "spec.plan: VectorStorePlan 'c' is gone, and the store stays as it is; make the plan again",
        ),
        ("c", None, {}, "known: there is none"),
        (None, None, {"b": PLAIN}, "no VectorStorePlan has default: true; name one"),
        (None, None, {"a": DEFAULT, "b": DEFAULT}, "several plans are the default: a, b; name one"),
    ],
)
def test_without_a_plan_it_says_which_there_are(
    wanted: str | None, pinned: str | None, plans: dict[str, PlanSpec], says: str
) -> None:
    found = choose_plan(wanted, pinned, plans)
    assert isinstance(found, Refusal)
    assert says in found.message
