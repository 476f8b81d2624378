"""Whose turn it is: canaries, pace, failures, pauses and windows; and where a store stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vectorstore_operator.api.plan_rollout import Rollout
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.rollout.members import Aim, Member, member
from vectorstore_operator.rollout.turns import Decision, Held, Policy, decide
from vectorstore_operator.rollout.window import ALWAYS, Opening

OPENS = datetime(2026, 6, 10, 22, tzinfo=UTC)


def stores(*stands: Any, canary: bool = False, first: str = "a", ready: bool = True) -> list[Member]:
    """Members a, b, c ... that stand so."""
    names = [chr(ord(first) + number) for number in range(len(stands))]
    return [Member(Key("t", name), stand, canary, ready, 1, "old") for name, stand in zip(names, stands, strict=True)]


def decided(members: list[Member], granted: str = "", opening: Opening = ALWAYS, **rollout: Any) -> Decision:
    policy = Policy("gold", Rollout.model_validate(rollout), opening)
    return decide(members, policy, frozenset(Key("t", name) for name in granted))


def go(decision: Decision) -> str:
    return "".join(sorted(key.name for key in decision.go))


@pytest.mark.parametrize(
    ("stands", "granted", "most", "going"),
    [
        ("w", "", 1, "a"),
        ("www", "", 2, "ab"),
        ("mww", "", 2, "b"),  # what moves counts
        ("mmw", "", 2, ""),
        ("mmm", "", 2, ""),  # more than there may be, after the pace was lowered
        ("www", "c", 2, "ac"),  # who was let go and has not begun counts, and still may
        ("wmw", "c", 2, "c"),
        ("uuw", "c", 2, "c"),  # who was let go and has arrived does not
        ("uuw", "a", 1, "c"),
        ("?ww", "", 2, "bc"),  # who has not been looked at holds up nobody
        ("rhw", "", 1, "c"),
    ],
)
def test_so_many_go_at_a_time(stands: str, granted: str, most: int, going: str) -> None:
    words = {"w": "waiting", "m": "moving", "u": "updated", "?": "unseen", "r": "refused", "h": "held"}
    found = decided(stores(*(words[s] for s in stands)), granted, maxConcurrent=most)
    assert go(found) == going
    assert (found.state == "Progressing") == bool(going or "m" in stands)


def test_stores_that_do_not_serve_go_last() -> None:
    members = stores("waiting", ready=False) + stores("waiting", "waiting", first="b")
    assert go(decided(members, maxConcurrent=2)) == "bc"


@pytest.mark.parametrize(
    ("canaries", "going", "holds"),
    [
        (["waiting", "waiting"], "xy", "t/y"),
        (["updated", "waiting"], "y", "t/y"),
        (["updated", "moving"], "", "t/y"),
        (["updated", "unseen"], "", "t/y"),  # whether its pods restart nobody knows yet
        (["updated", "updated"], "abc", None),
        (["refused", "held"], "abc", None),
        (["updated", "failed"], "abc", None),  # as many failures as are put up with are not reached
        (["ailing", "ailing", "ailing"], "abc", None),  # they say nothing of the edition
    ],
)
def test_canaries_go_first(canaries: list[Any], going: str, holds: str | None) -> None:
    members = stores("waiting", "waiting", "waiting") + stores(*canaries, canary=True, first="x")
    found = decided(members, maxConcurrent=3, maxFailures=2, canary={"matchLabels": {"ring": "canary"}})
    assert go(found) == going
    why = found.held(members[0])
    assert (why is None) == (holds is None)
    if why and holds:
        assert why.reason == "WaitsForCanaries"
        assert holds in why.message


def test_a_canary_that_must_wait_waits_for_the_pace() -> None:
    members = stores("waiting") + stores("waiting", "waiting", canary=True, first="x")
    found = decided(members, maxConcurrent=1)
    assert go(found) == "x"
    assert [why and why.reason for why in map(found.held, members)] == ["WaitsForCanaries", None, "Waiting"]


@pytest.mark.parametrize("granted", ["", "b"])
@pytest.mark.parametrize(
    ("stands", "rollout", "opening", "state", "reason", "named"),
    [
        (("failed", "waiting"), {}, ALWAYS, "Stopped", "RolloutStopped", ("t/a", "maxFailures: 1", "mend the plan")),
        (("failed", "waiting", "failed"), {"maxFailures": 2}, ALWAYS, "Stopped", "RolloutStopped", ("2 of 3", "t/c")),
        (("moving", "waiting"), {"paused": True}, ALWAYS, "Paused", "RolloutPaused", ("spec.rollout.paused",)),
        (
            ("moving", "waiting"),
            {},
            Opening(False, OPENS),
            "OutsideWindow",
            "WaitsForWindow",
            ("spec.maintenance", "2026-06-10T22:00:00Z"),
        ),
        (("failed", "waiting"), {"paused": True}, ALWAYS, "Stopped", "RolloutStopped", ("t/a",)),
    ],
)
def test_nobody_goes(
    stands: Any, rollout: Any, opening: Opening, state: str, reason: str, named: tuple[str, ...], granted: str
) -> None:
    members = stores(*stands)
    found = decided(members, granted, opening, **rollout)
    why = found.held(members[1])
    assert (go(found), found.state, why and why.reason) == ("", state, reason)
    assert [word for word in (*named, "gold") if word not in found.message] == []


@pytest.mark.parametrize(
    ("stands", "state", "message"),
    [
        ((), "Done", "0 of 0 stores have the plan as it is"),
        (("updated", "updated"), "Done", "2 of 2 stores have the plan as it is"),
        (
            ("updated", "refused", "held"),
            "Done",
            "1 of 3 stores have the plan as it is; 1 are refused: t/b; 1 are paused, hibernated or being restored: t/c",
        ),
        (("updated", "unseen"), "Waiting", "1 of 2 stores are still to be looked at: t/b"),
        (("moving", "waiting"), "Progressing", "1 of 2 stores move, 1 wait: t/a"),
    ],
)
def test_how_far_it_is(stands: Any, state: str, message: str) -> None:
    found = decided(stores(*stands), maxConcurrent=1)
    assert (found.state, found.message) == (state, message)


def test_where_nothing_moves_any_more_a_failure_is_no_success() -> None:
    found = decided(stores("updated", "failed"), maxFailures=3)
    assert found.state == "Stopped"
    assert "maxFailures" not in found.message


def test_a_message_names_few() -> None:
    found = decided(stores(*["moving"] * 7), maxConcurrent=9)
    assert found.message == "7 of 7 stores move, 0 wait: t/a, t/b, t/c, t/d, t/e and 2 more"


AIM = Aim("new", "new+1")
NEWEST = {"edition": "new+1", "newest": "new+1", "planEdition": "new", "newestPlan": "new"}
OLD = NEWEST | {"edition": "old+1", "planEdition": "old", "restarts": True}


def store(
    told: dict[str, Any] | None = None, accepted: str = "True", available: str = "UpToDate", **spec: Any
) -> dict[str, Any]:
    conditions = [
        {"type": "Accepted", "status": accepted},
        {"type": "UpdateAvailable", "status": "True", "reason": available},
        {"type": "Ready", "status": "True"},
    ]
    meta = {"name": "acme", "namespace": "t", "labels": {"ring": "canary", "tier": "gold"}}
    return {"metadata": meta, "spec": spec, "status": {"conditions": conditions, "rollout": told}}


@pytest.mark.parametrize(
    ("live", "stand"),
    [
        (store(NEWEST), "updated"),
        (store(OLD), "waiting"),
        (store(OLD | {"failed": True}), "failed"),
        (store(OLD | {"failed": True, "ailing": True}), "ailing"),
        (store(NEWEST | {"moving": True}), "moving"),
        (store(NEWEST | {"moving": True}, accepted="False"), "moving"),
        (store(None), "unseen"),
        (store(OLD | {"newestPlan": "older"}), "unseen"),
        (store(OLD | {"newestPlan": "older", "failed": True}), "unseen"),  # another edition failed
        (store(OLD | {"newest": "new+0"}), "unseen"),  # the release has changed since
        (store(OLD | {"newest": "new+0"}, version="0"), "waiting"),  # its owner chooses the image
        (store(OLD, accepted="False"), "refused"),
        (store(OLD, paused=True), "held"),
        (store(OLD, hibernated=True), "held"),
        (store(OLD) | {"status": store(OLD)["status"] | {"restore": {"phase": "Restoring"}}}, "held"),
        (store(NEWEST, paused=True), "updated"),
        (store(OLD, available="CheckpointFailed"), "waiting"),  # asks before it tries again
        (store(OLD, available="Waiting"), "waiting"),
    ],
)
def test_where_a_store_stands(live: dict[str, Any], stand: str) -> None:
    found = member(live, {}, AIM, Rollout())
    assert (found.stand, found.key, found.ready, found.canary) == (stand, Key("t", "acme"), True, False)


def test_what_was_begun_is_known_before_the_status_tells_it() -> None:
    marks = {"vectorstore.dev/move": "{}"}
    pods = {"kind": "StatefulSet", "metadata": {"annotations": marks}, "spec": {"replicas": 3}}
    found = member(store(OLD), {("StatefulSet", "acme"): pods}, AIM, Rollout())
    assert (found.stand, found.pods) == ("moving", 3)
    for left in (store(NEWEST, paused=True), store(OLD, paused=True)):
        assert member(left, {("StatefulSet", "acme"): pods}, AIM, Rollout()).stand == "held"  # and nobody up
    frozen = member(store(NEWEST, accepted="False"), {("StatefulSet", "acme"): pods}, AIM, Rollout())
    assert frozen.stand == "refused"
    asleep = member(store(NEWEST, hibernated=True), {("StatefulSet", "acme"): pods}, AIM, Rollout())
    assert asleep.stand == "updated"  # it goes on when it wakes


@pytest.mark.parametrize(
    ("labels", "canary"),
    [({"ring": "canary"}, True), ({"ring": "canary", "tier": "gold"}, True), ({"ring": "late"}, False)],
)
def test_canaries_bear_all_the_labels(labels: dict[str, str], canary: bool) -> None:
    rollout = Rollout.model_validate({"canary": {"matchLabels": labels}})
    assert member(store(NEWEST), {}, AIM, rollout).canary is canary


def test_the_same_is_decided_in_whichever_order_stores_come() -> None:
    members = stores(*["waiting"] * 4)
    assert decided(members, maxConcurrent=2) == decided(members[::-1], maxConcurrent=2)
    assert isinstance(decided(members, maxConcurrent=2).held(members[3]), Held)
