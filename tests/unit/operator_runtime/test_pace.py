"""What the operator that leads remembers of turns: whom it let go, and whom it told what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.plan import Plan, size_plan
from vectorstore_operator.rollout.edition import plan_digest
from vectorstore_operator.rollout.pace import Pace, Round

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
A, B, C = (Key("t", name) for name in "abc")


class Fleet:
    """A plan, its stores a, b and c, and who paces them."""

    def __init__(self, **rollout: Any) -> None:
        self.cache, self.version = Cache(), 0
        self.again: list[Key] = []
        self.recounted: list[Key] = []
        self.changed(documents=1000, rollout={"maxConcurrent": 1} | rollout)
        self.pace = self.leader()

    def leader(self) -> Pace:
        return Pace(self.cache, "instance:2", self.again.append, self.recounted.append)

    def changed(self, **spec: Any) -> None:
        """The plan is another one."""
        sized = size_plan("gold", PlanSpec.model_validate(spec))
        assert isinstance(sized, Plan)
        self.plan, self.spec = sized, spec
        self._put("VectorStorePlan", {"name": "gold"}, {}, generation=self.version + 1)

    def stand(self, *keys: Key, edition: str = "old", **told: Any) -> None:
        """Stores were looked at, and that is what their status says."""
        newest = plan_digest("gold", self.plan.spec)
        rollout = {"edition": edition, "planEdition": edition, "newest": newest, "newestPlan": newest} | told
        for key in keys:
            meta = {"name": key.name, "namespace": key.namespace}
            self._put("VectorStore", meta, {"plan": "gold", "rollout": rollout})
            self.pace.looked(key)

    def updated(self, *keys: Key) -> None:
        self.stand(*keys, edition=plan_digest("gold", self.plan.spec))

    def count(self) -> Round:
        live = self.cache.plan("gold")
        assert live
        self.again.clear()
        self.recounted.clear()
        return self.pace.count(live, self.plan, NOW)

    def held(self, key: Key) -> str | None:
        held = self.pace.held(key)
        return held and held.reason

    def _put(self, kind: str, meta: dict[str, Any], status: dict[str, Any], generation: int = 1) -> None:
        self.version += 1
        versions = {"resourceVersion": str(self.version), "generation": generation}
        self.cache.put({"kind": kind, "metadata": meta | versions, "status": status})


def test_one_goes_after_another_and_each_is_told_when_its_turn_comes() -> None:
    fleet = Fleet()
    fleet.stand(A, B)
    assert [fleet.held(key) for key in (A, B)] == ["Waiting", "Waiting"]  # not counted yet
    fleet.count()
    assert fleet.again == [A, B]  # one may go, the other has another word for why not
    assert [fleet.held(key) for key in (A, B)] == [None, "Waiting"]

    fleet.stand(A, moving=True)
    assert fleet.recounted == [Key("", "gold")]
    fleet.count()
    assert fleet.again == []
    assert fleet.held(B) == "Waiting"

    fleet.updated(A)
    fleet.count()
    assert fleet.again == [B]
    assert fleet.held(B) is None


def test_who_was_let_go_and_has_not_begun_keeps_its_turn() -> None:
    fleet = Fleet()
    fleet.stand(B, C)
    fleet.count()
    fleet.stand(A)  # comes first by its name
    found = fleet.count()
    assert found.decision.go == {B}


def test_a_turn_is_for_one_edition() -> None:
    fleet = Fleet()
    fleet.stand(B, C)
    fleet.count()
    assert fleet.held(B) is None
    fleet.changed(documents=2000, rollout={"maxConcurrent": 1})
    assert fleet.held(B) == "Waiting"  # nobody has counted who needs this one
    fleet.stand(A, B, C)
    assert fleet.count().decision.go == {A}


def test_a_look_that_changes_nothing_counts_nothing() -> None:
    fleet = Fleet()
    fleet.stand(A, B)
    fleet.count()
    for key in (A, B):
        fleet.pace.looked(key)
    assert fleet.recounted == []


def test_stores_that_come_and_go_are_counted() -> None:
    fleet = Fleet()
    fleet.count()
    fleet.updated(A)
    assert fleet.recounted == [Key("", "gold")]
    fleet.count()
    fleet.cache.drop(fleet.cache.store(A) or {})
    fleet.pace.looked(A)
    assert fleet.recounted == [Key("", "gold")]


def test_who_waits_is_told_anew_when_the_reason_is_another() -> None:
    fleet = Fleet()
    fleet.stand(A, B, C)
    fleet.count()
    for key in (A, B, C):
        fleet.held(key)
    fleet.stand(A, failed=True)
    fleet.count()
    assert fleet.again == [B, C]
    assert fleet.held(B) == "RolloutStopped"
    fleet.count()
    assert fleet.again == [C]  # it has not asked since


def test_who_must_wait_after_a_change_is_told_why_once() -> None:
    fleet = Fleet()
    fleet.updated(A, B, C)
    fleet.count()
    fleet.changed(documents=2000, rollout={"maxConcurrent": 1})
    fleet.count()
    assert {fleet.held(key) for key in (A, B, C)} == {"Waiting"}  # in the look that finds that it restarts pods
    fleet.stand(A, B, C)
    fleet.count()
    assert fleet.again == [A]


def test_a_new_leader_lets_nobody_go_beside_those_that_move() -> None:
    fleet = Fleet(maxConcurrent=2)
    fleet.stand(A, B, C)
    fleet.count()
    fleet.stand(A, B, moving=True)
    fleet.pace = fleet.leader()
    assert fleet.held(C) == "Waiting"
    assert fleet.count().decision.go == frozenset()


def test_a_plan_that_is_gone_lets_nobody_go() -> None:
    fleet = Fleet()
    fleet.stand(A)
    fleet.count()
    assert fleet.held(A) is None
    fleet.pace.forget("gold")
    assert fleet.held(A) == "Waiting"


def test_where_all_stores_take_the_release_it_must_be_the_one_that_they_were_asked_about() -> None:
    fleet = Fleet(versions="Automatic", canary={"matchLabels": {"ring": "canary"}})
    fleet.stand(A)
    assert fleet.count().members[A].stand == "unseen"  # an operator of another release looked at it
