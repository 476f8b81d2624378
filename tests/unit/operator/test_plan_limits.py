"""What a plan bounds besides documents, and what a store's quota may lower."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.desired import PLATFORM, sized, store, with_credentials

from vectorstore_instance.settings import Limits
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.objects import key
from vectorstore_operator.plan import Identity, Plan, Resolved, resolve, size_plan
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import desired

ALL = {
    "collections": 5,
    "bytes": "2Gi",
    "batchRows": 100,
    "bodyBytes": "1Mi",
    "results": 50,
    "whereOperators": 9,
    "whereDocument": False,
    "requestsPerSecond": 20,
    "burst": 30,
    "concurrent": 4,
}


def plan(**limits: Any) -> Plan:
    return sized("p", {"documents": 1000, "limits": limits})


def refused(found: object) -> Refusal:
    assert isinstance(found, Refusal), found
    return found


def changed(one: Resolved, other: Resolved) -> set[str]:
    before, after = (
        {key(obj): obj for phase in desired(s, PLATFORM, with_credentials(s)) for obj in phase} for s in (one, other)
    )
    return {kind for kind, name in before if before[kind, name] != after[kind, name]}


def test_every_bound_reaches_the_instance() -> None:
    assert store(plan(**ALL)).limits == Limits(
        generation=1,
        plan="p",
        max_documents=1000,
        max_dimension=384,
        max_collections=5,
        max_bytes=2 << 30,
        max_batch_rows=100,
        max_body_bytes=1 << 20,
        max_n_results=50,
        max_where_operators=9,
        where_document=False,
        requests_per_second=20,
        burst=30,
        max_concurrent=4,
    )


def test_a_bound_that_is_left_out_is_not_rendered() -> None:
    text = store(plan(concurrent=4)).limits.model_dump_json(exclude_unset=True)
    assert set(json.loads(text)) == {"generation", "plan", "max_documents", "max_dimension", "max_concurrent"}


def test_no_bound_restarts_a_pod() -> None:
    assert changed(store(plan()), store(plan(**ALL))) == {"ConfigMap"}


def test_a_quota_lowers_bytes_and_requests_alone() -> None:
    limits = store(plan(**ALL), quota={"bytes": "1Gi", "requestsPerSecond": 0.5}).limits
    assert (limits.max_documents, limits.max_bytes, limits.requests_per_second) == (1000, 1 << 30, 0.5)
    assert limits.max_concurrent == 4


def test_a_quota_bounds_what_the_plan_leaves_open() -> None:
    limits = store(plan(), quota={"documents": 5, "bytes": "1Gi", "requestsPerSecond": 3}).limits
    assert (limits.max_documents, limits.max_bytes, limits.requests_per_second) == (5, 1 << 30, 3)


@pytest.mark.parametrize(
    ("quota", "reason", "says"),
    [
        ({"bytes": "3Gi"}, "QuotaAbovePlan", "spec.quota.bytes: 3Gi is above the 2Gi of plan p"),
        ({"requestsPerSecond": 20.5}, "QuotaAbovePlan", "spec.quota.requestsPerSecond: 20.5 is above the 20 of plan p"),
    ],
)
def test_a_quota_above_the_plan_is_refused(quota: dict[str, Any], reason: str, says: str) -> None:
    found = refused(resolve(Identity("acme"), StoreSpec.model_validate({"quota": quota}), plan(**ALL)))
    assert found.reason == reason
    assert says in found.message


def test_a_quota_above_the_volume_is_refused() -> None:
    found = refused(resolve(Identity("acme"), StoreSpec.model_validate({"quota": {"bytes": "90Gi"}}), plan()))
    assert found.reason == "StorageTooSmall"
    assert "spec.quota.bytes: 90Gi are more than the store's volume" in found.message


@pytest.mark.parametrize(
    ("limits", "reason", "says"),
    [
        ({"bodyBytes": "100Mi"}, "PlanTooSmall", "limits.bodyBytes 100Mi is above an eighth of a pod's memory"),
    ],
)
def test_a_plan_that_cannot_keep_its_bounds_is_refused(limits: dict[str, Any], reason: str, says: str) -> None:
    found = refused(size_plan("p", PlanSpec.model_validate({"documents": 1000, "limits": limits})))
    assert found.reason == reason
    assert says in found.message
