"""What is told of a store's volumes, by what their driver says and by how full they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.desired import sized

from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.pods import standing
from vectorstore_operator.observe.storage_health import volumes_told
from vectorstore_operator.plan import Identity, Plan, Resolved, resolve
from vectorstore_operator.plan.volume import StorageClass, Volume
from vectorstore_operator.quantity import GI
from vectorstore_operator.refusal import Refusal

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
CLASSES = (StorageClass("fast", "block", expands=True), StorageClass("stiff", "block", expands=False))
HELD = Volume("data-acme-0", 10 * GI, 10 * GI, class_name="fast", now=NOW, classes=CLASSES)
PLAN = sized("p", {"documents": 1000, "storage": {"size": "10Gi"}})
AUTO = sized("p", {"documents": 1000, "storage": {"size": "10Gi", "autoGrow": {"step": "5Gi", "max": "10Gi"}}})
REFUSED = Refusal("PlanNotFound", "")


def verdict(volume: Volume = HELD, plan: Plan = PLAN, **storage: Any) -> Resolved:
    found = resolve(Identity("acme"), StoreSpec.model_validate({"storage": storage}), plan, volume)
    assert isinstance(found, Resolved), found
    return found


def claim(size: str = "10Gi", **status: Any) -> Object:
    return {
        "metadata": {"name": "data-acme-0"},
        "spec": {"resources": {"requests": {"storage": size}}},
        "status": {"phase": "Bound", "capacity": {"storage": "10Gi"}} | status,
    }


def says(*claims: Object, of: Resolved | Refusal = REFUSED) -> tuple[str, str, str]:
    found = volumes_told(claims, of)
    return found.status, found.reason, found.message


def holds(kind: str, message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "message": message}]}


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        ({}, "Growing", "claim data-acme-0: grows from 10Gi to 20Gi"),
        (holds("Resizing"), "Growing", "grows from 10Gi"),
        (holds("FileSystemResizePending"), "FileSystemResizePending", "its volume has 20Gi, its file system not yet"),
        (holds("ControllerResizeError", "no space"), "ResizeFailed", "could not grow to 20Gi: no space"),
        (holds("NodeResizeError"), "ResizeFailed", "could not grow to 20Gi: NodeResizeError"),
        ({"allocatedResourceStatuses": {"storage": "ControllerResizeInfeasible"}}, "ResizeFailed", "cannot grow"),
        ({"allocatedResourceStatuses": {"storage": "NodeResizeInProgress"}}, "Growing", "grows from 10Gi"),
    ],
)
def test_what_the_driver_says_of_growth(status: dict[str, Any], reason: str, message: str) -> None:
    found = says(claim("20Gi", **status))
    assert found[:2] == ("False", reason)
    assert message in found[2]


def test_growth_that_is_done_is_no_news() -> None:
    assert says(claim("10Gi")) == ("True", "Bound", "every pod has its volume")
    assert says(claim("9Gi"))[:2] == ("True", "Bound")


@pytest.mark.parametrize(
    ("held", "plan", "message"),
    [
        (HELD, PLAN, "85 % of 10Gi are used; raise spec.storage.size, or delete collections and compact"),
        (replace(HELD, class_name="stiff"), PLAN, "its StorageClass stiff does not allow it (allowVolumeExpansion)"),
        (HELD, AUTO, "autoGrow.max of plan p is 10Gi; raise it or spec.storage.size"),
    ],
)
def test_a_volume_that_is_nearly_full_says_what_helps(held: Volume, plan: Plan, message: str) -> None:
    found = says(claim(), of=verdict(replace(held, used=9 * GI - GI // 2), plan))
    assert found[:2] == ("False", "NearlyFull")
    assert message in found[2]
    assert says(claim(), of=verdict(replace(held, used=8 * GI), plan))[1] == "Bound"


def test_a_plan_that_wants_more_than_a_volume_can_have_is_told_of() -> None:
    larger = sized("p", {"documents": 1000, "storage": {"size": "20Gi", "autoGrow": {"step": "5Gi", "max": "30Gi"}}})
    found = says(claim(), of=verdict(replace(HELD, class_name="stiff"), larger))
    assert found[:2] == ("False", "CannotGrow")
    assert "claim data-acme-0: should grow from 10Gi to 20Gi, and its StorageClass stiff" in found[2]


def test_a_volume_that_has_more_than_its_spec_asks_for_says_so() -> None:
    assert says(claim(), of=verdict(size="8Gi")) == (
        "True",
        "Bound",
        "every pod has its volume, of 10Gi: more than the 8Gi of spec.storage.size, and volumes do not shrink",
    )


def pod(*, ready: bool = True, **metadata: str) -> Object:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"metadata": metadata, "status": {"conditions": conditions}}


def test_pods_count_while_their_statefulset_is_made_anew() -> None:
    serving = standing([pod(), pod()], 2)
    assert serving is not None
    assert serving.done
    assert standing([], 2) is None
    for pods in ([pod()], [pod(), pod(ready=False)], [pod(), pod(deletionTimestamp="now")]):
        found = standing(pods, 2)
        assert found is not None
        assert not found.done
