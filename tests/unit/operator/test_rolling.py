"""A store by the edition that it has, or by its plan as it is: what the loop is told to make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.desired import PLATFORM, UID, with_credentials

from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.plan import Resolved, accept
from vectorstore_operator.plan.claimed import Around
from vectorstore_operator.reconcile.rolling import Course, Rolling
from vectorstore_operator.render import desired
from vectorstore_operator.rollout.marks import EDITION
from vectorstore_operator.rollout.turns import Held

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACME = Key("tenants", "acme")


def never(store: Key) -> Held:
    """Nobody's turn ever comes."""
    return Held("Waiting", "others move")


class NoCheckpoints:
    def state(self, store: Key, edition: str) -> None:
        return None

    def begin(self, store: Key, edition: str) -> None:
        raise AssertionError("a plan needs none")


ROLLING = Rolling(PLATFORM, never, NoCheckpoints())


def store(**spec: Any) -> Object:
    meta = {"name": "acme", "namespace": "tenants", "uid": UID, "generation": 1}
    return {"kind": "VectorStore", "metadata": meta, "spec": {"plan": "small", "replicas": 1, **spec}}


def course(live: Object, plan: Object, children: Children, at_once: bool = False) -> Course:
    plans = [{"kind": "VectorStorePlan", "metadata": {"name": "small"}, "spec": {"documents": 1000, **plan}}]
    newest = accept.store(live, plans, children)
    assert isinstance(newest, Resolved), newest
    found = ROLLING.course(ACME, live, newest, children, Around(), NOW, at_once)
    assert isinstance(found, Course)
    return found


def made(of: Course) -> Children:
    children = dict(with_credentials(of.wanted))
    return children | {key(o): o for phase in desired(of.wanted, PLATFORM, children) for o in phase}


def pod(of: Course) -> Object:
    found: Object = made(of)["StatefulSet", "acme"]["spec"]["template"]["spec"]
    return found


def test_a_changed_plan_leaves_the_pods_as_they_were_until_it_is_their_turn() -> None:
    first = course(store(), {}, {})
    assert first.newest
    children = made(first)
    waiting = course(store(), {"memory": "2Gi"}, children)
    assert not waiting.newest
    assert pod(waiting) == pod(first)
    assert waiting.wanted.marks == first.wanted.marks
    at_once = course(store(), {"memory": "2Gi"}, children, at_once=True)
    assert at_once.newest
    assert pod(at_once)["containers"][0]["resources"]["limits"]["memory"] == "2Gi"


def test_an_own_change_is_carried_out_under_the_edition_that_is_in_force() -> None:
    children = made(course(store(), {}, {}))
    found = course(store(quota={"documents": 500}), {"documents": 2000, "memory": "2Gi"}, children)
    assert not found.newest
    assert found.wanted.documents == 500


def test_what_only_the_newest_allows_takes_it_at_once() -> None:
    children = made(course(store(), {}, {}))
    found = course(store(quota={"documents": 1500}), {"documents": 2000, "memory": "2Gi"}, children)
    assert found.newest
    assert found.wanted.documents == 1500


def test_pods_that_an_operator_without_marks_made_are_marked_and_stay() -> None:
    first = course(store(), {}, {})
    children = dict(made(first))
    for name in (("StatefulSet", "acme"), ("ConfigMap", "acme-limits")):
        meta = {k: v for k, v in children[name]["metadata"].items() if k != "annotations"}
        children[name] = {**children[name], "metadata": meta}
    again = course(store(), {}, children)
    assert EDITION in again.wanted.marks
    assert pod(again) == pod(first)
