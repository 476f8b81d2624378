"""Where pods run: what a plan says reaches the pod's spec, and what it does not say changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.desired import PLATFORM, SHIPPED, sized, store, with_credentials

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.scheduling import Toleration
from vectorstore_operator.objects import key
from vectorstore_operator.plan import Plan, size_plan
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import desired, scheduling
from vectorstore_operator.render.pod import pod_spec

PLACED: dict[str, Any] = {
    "nodeSelector": {"pool": "spot"},
    "tolerations": [{"key": "spot", "value": "yes", "effect": "NoSchedule"}],
    "priorityClassName": "tenants",
}


def plan(**stated: Any) -> Plan:
    return sized("placed", {"documents": 100} | stated)


def spec(chosen: Plan) -> Any:
    return pod_spec(store(chosen), PLATFORM)


def test_a_plan_of_one_pod_that_says_nothing_states_nothing() -> None:
    assert scheduling.placement(store(plan())) == {}
    assert len(spec(plan())["tolerations"]) == 2


def test_pods_of_several_are_spread_over_nodes_and_never_kept_from_running() -> None:
    assert spec(plan(replicas={"max": 2}))["topologySpreadConstraints"] == [
        {
            "topologyKey": "kubernetes.io/hostname",
            "maxSkew": 1,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"vectorstore.dev/store": "acme"}},
        }
    ]


def test_a_plan_may_spread_otherwise_or_not_at_all() -> None:
    zones = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}
    (constraint,) = spec(plan(scheduling={"topologySpread": [zones]}))["topologySpreadConstraints"]
    assert zones.items() <= constraint.items()
    assert "topologySpreadConstraints" not in spec(plan(replicas={"max": 2}, scheduling={"topologySpread": []}))


def test_a_plan_s_nodes_taints_and_priority_reach_the_pod_beside_ours() -> None:
    placed = spec(plan(scheduling=PLACED))
    assert (placed["nodeSelector"], placed["priorityClassName"]) == ({"pool": "spot"}, "tenants")
    ours = spec(plan())["tolerations"]
    assert placed["tolerations"] == [
        *ours,
        {"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
    ]


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({}, "then operator must be Exists"),
        ({"key": "a", "operator": "Exists", "value": "b"}, "value goes with operator Equal"),
        ({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5}, "goes with effect NoExecute"),
    ],
)
def test_tolerations_the_scheduler_would_not_take_are_refused(stated: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Toleration.model_validate(stated)


def tmp(chosen: Plan) -> Any:
    return next(volume["emptyDir"] for volume in spec(chosen)["volumes"] if volume["name"] == "tmp")


def test_scratch_is_the_size_of_the_folder_for_temporary_files() -> None:
    assert tmp(plan()) == {"sizeLimit": "256Mi"}
    assert tmp(plan(scratch="2048Mi")) == {"sizeLimit": "2Gi"}
    refusal = size_plan("p", PlanSpec(documents=1, scratch="1Mi"))
    assert isinstance(refusal, Refusal)
    assert "scratch 1Mi is too little; give it 16Mi at least" in refusal.message


def metrics(chosen: Plan | str) -> list[tuple[str, int]]:
    resolved = store(chosen)
    found = {key(obj): obj for phase in desired(resolved, PLATFORM, with_credentials(resolved)) for obj in phase}
    resources = [m["resource"] for m in found["HorizontalPodAutoscaler", "acme"]["spec"]["metrics"]]
    return [(r["name"], r["target"]["averageUtilization"]) for r in resources]


def test_the_autoscaler_looks_at_memory_where_the_plan_says_so() -> None:
    assert metrics("standard") == [("cpu", SHIPPED["standard"]["replicas"].get("cpuPercent", 70))]
    assert metrics(plan(replicas={"max": 3, "memoryPercent": 80})) == [("cpu", 70), ("memory", 80)]
