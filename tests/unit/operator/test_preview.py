"""A change of a plan in words and numbers."""

from __future__ import annotations

from typing import Any

import pytest

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.plan_rollout import Rollout
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.plan import Plan, size_plan
from vectorstore_operator.rollout.members import Aim, Member
from vectorstore_operator.rollout.preview import changes, summary, usual
from vectorstore_operator.rollout.turns import Policy, decide
from vectorstore_operator.rollout.window import ALWAYS


def plan(**spec: Any) -> Plan:
    sized = size_plan("gold", PlanSpec.model_validate({"documents": 1000} | spec))
    assert isinstance(sized, Plan)
    return sized


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({"cpu": {"request": "250m"}}, {}, []),  # what was left out is what was stated
        ({}, {"cpu": {"request": "500m"}}, ["cpu.request: 250m -> 500m"]),
        ({"memory": "1Gi"}, {"memory": "2Gi"}, ["memory: 1Gi -> 2Gi"]),
        ({}, {"documents": 500_000}, ["documents: 1000 -> 500000", "memory: 512Mi -> 1920Mi"]),
        ({}, {"logFormat": "json"}, ["logFormat: none -> json"]),
        (
            {"scheduling": {"nodeSelector": {"pool": "a", "disk": "ssd"}}},
            {"scheduling": {"nodeSelector": {"disk": "ssd"}}},
            ["scheduling.nodeSelector.pool: a -> none"],
        ),
        ({}, {"models": ["none"]}, ['models: ["all-MiniLM-L6-v2", "none"] -> ["none"]', "memory: 512Mi -> 192Mi"]),
        ({}, {"rollout": {"paused": True}, "default": True, "versions": ["2"]}, []),  # nothing that stores get
    ],
)
def test_what_changes_is_told_field_by_field(before: Any, after: Any, told: list[str]) -> None:
    assert changes(plan(**before), plan(**after)) == told


def test_a_long_story_is_cut_short() -> None:
    labels = {f"label-{number:02}": "x" * 60 for number in range(16)}
    told = changes(plan(), plan(logFormat="json", scheduling={"nodeSelector": labels}))
    assert len(told) == 16
    assert told[-1] == "and 3 more"
    urls = [f"https://files.example.com/{number}/" for number in range(32)]
    (long,) = changes(plan(), plan(documentUrls=urls))
    assert len(long) <= 256
    key = f"{'a.' * 120}example/{'b' * 63}"
    placed = plan(scheduling={"nodeSelector": {key: "x" * 63}})
    assert len(changes(placed, plan())[0]) == 256


def member(name: str, stand: Any, edition: str, pods: int = 1) -> Member:
    return Member(Key("t", name), stand, canary=False, ready=True, pods=pods, edition=edition)


def test_it_is_compared_with_what_most_of_the_others_have() -> None:
    aim = Aim("new")
    many = [member("a", "updated", "new"), member("b", "waiting", "older"), member("c", "waiting", "old")]
    many.append(member("d", "waiting", "old"))
    assert usual(many, aim) == many[2]
    assert usual(many[:1], aim) is None


def test_it_is_told_in_numbers() -> None:
    members = [
        member("a", "updated", "new"),
        member("b", "waiting", "old", pods=3),
        member("c", "waiting", "old"),
        member("d", "refused", "old"),
    ]
    policy = Policy("gold", Rollout.model_validate({"paused": True}), ALWAYS)
    found = summary(members, Aim("new"), decide(members, policy), ["memory: 1Gi -> 2Gi"], None)
    assert found.model_dump(by_alias=True, exclude_none=True) == {
        "edition": "new",
        "state": "Paused",
        "stores": 4,
        "updated": 1,
        "waiting": 2,
        "moving": 0,
        "failed": 0,
        "refused": 1,
        "restarts": 4,
        "changes": ["memory: 1Gi -> 2Gi"],
    }
