"""Every rule of a store's step from the edition that it has to the newest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.desired import sized

from vectorstore_operator.plan import Plan
from vectorstore_operator.rollout.edition import Edition
from vectorstore_operator.rollout.known import Checkpoint, Known, Step
from vectorstore_operator.rollout.marks import Failed, Marks, Move
from vectorstore_operator.rollout.step import step
from vectorstore_operator.rollout.turns import Held

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STORE = {
    "metadata": {"name": "acme", "namespace": "tenants", "uid": "1"},
    "spec": {},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
RESTORING = STORE | {"status": {"restore": {"phase": "Restoring"}}}
AWAITING = STORE | {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Restoring"}]}}
BASE = {"documents": 1000}


def plan(name: str = "small", **spec: Any) -> Plan:
    return sized(name, BASE | spec)


def edition(image: str = "repo:1", name: str = "small", **spec: Any) -> Edition:
    made = plan(name, **spec)
    return Edition(made.name, made.spec, image)


LARGER: dict[str, Any] = {"scratch": "512Mi"}
"""Restarts pods."""
QUIETER: dict[str, Any] = {"documents": 900}
"""Does not."""
A, B = edition(), edition(**LARGER)
NEW, BROKEN = edition("repo:2"), edition("repo:9")


def restarts(old: Edition, new: Edition) -> bool:
    return (old.spec.scratch, old.image) != (new.spec.scratch, new.image)


def known(marks: Marks | None = None, **more: Any) -> Known:
    given: dict[str, Any] = {
        "store": STORE,
        "plan": plan(),
        "image": "repo:1",
        "asked": False,
        "release": "repo:1",
        "marks": marks,
        "running": None,
        "hibernated": False,
        "now": NOW,
        "serves": lambda edition: True,
        "restarts": restarts,
        "gate": lambda edition, since: since + timedelta(seconds=180),
        "checkpoint": lambda digest: Checkpoint(taken=True),
        "held": lambda: None,
    }
    return Known(**given | more)


def told(found: Step) -> str:
    assert found.rolled.told
    return found.rolled.told.reason


def waits() -> Held:
    return Held("Waiting", "others move")


def fails(*_: object) -> Any:
    raise AssertionError("was asked")


MOVING = Marks(B, Move(A, NOW - timedelta(seconds=30)))
UPGRADING = Marks(NEW, Move(A, NOW - timedelta(seconds=30)))
ASKED = {"image": "repo:2", "asked": True, "held": fails}


@pytest.mark.parametrize(
    ("case", "marks", "more", "then", "reason"),
    [
        ("a new store has the newest", None, {"held": fails}, Marks(A), "UpToDate"),
        ("an up-to-date one stays", Marks(A), {"held": fails}, Marks(A), "UpToDate"),
        (
            "pods from before there were marks keep their image",
            None,
            {"running": "repo:0", "image": "repo:0"},
            "repo:0",
            "NewVersion",
        ),
        ("a release restarts nothing", Marks(A), {"release": "repo:2", "held": fails}, Marks(A), "NewVersion"),
        ("what restarts nothing is taken at once", Marks(A), {"plan": plan(**QUIETER), "held": fails}, QUIETER, None),
        ("what restarts pods waits", Marks(A), {"plan": plan(**LARGER), "held": waits}, Marks(A), "Waiting"),
        ("at its turn it moves", Marks(A), {"plan": plan(**LARGER)}, Marks(B, Move(A, NOW)), "Moving"),
        ("another plan that the owner names is taken at once", Marks(A), {"plan": plan("big")}, "big", "UpToDate"),
        (
            "what only the newest serves is taken at once",
            Marks(A),
            {"plan": plan(**LARGER), "serves": lambda e: e.spec.scratch is not None, "held": fails},
            Marks(B),
            "UpToDate",
        ),
        (
            "without pods the plan is taken at once, and not the image",
            Marks(A),
            {"plan": plan(**LARGER), "image": "repo:2", "release": "repo:2", "hibernated": True, "held": fails},
            Marks(B),
            "NewVersion",
        ),
        ("a move goes on", MOVING, {"plan": plan(**LARGER)}, MOVING, "Moving"),
        (
            "new pods that answer end it",
            MOVING,
            {"plan": plan(**LARGER), "gate": lambda *_: None},
            Marks(B),
            None,
        ),
        (
            "new pods that fail take it back",
            MOVING,
            {"plan": plan(**LARGER), "gate": lambda *_: "they crash", "held": fails},
            Marks(A, failed=Failed(B.digest, "they crash")),
            "RolledBack",
        ),
        (
            "what failed is not tried again",
            Marks(A, failed=Failed(B.digest, "they crash")),
            {"plan": plan(**LARGER), "held": fails},
            Marks(A, failed=Failed(B.digest, "they crash")),
            "RolledBack",
        ),
        (
            "but a mended plan is",
            Marks(A, failed=Failed(B.digest, "they crash")),
            {"plan": plan(scratch="1Gi")},
            Marks(edition(scratch="1Gi"), Move(A, NOW)),
            "Moving",
        ),
        ("what failed and is wanted no more is forgotten", Marks(A, failed=Failed(B.digest, "x")), {}, Marks(A), None),
        ("a plan that is changed back ends the move", MOVING, {"gate": fails}, Marks(A), "UpToDate"),
        ("a move ends though the plan is changed again", MOVING, {"plan": plan(scratch="1Gi")}, MOVING, "Moving"),
        ("a version that is asked for waits for nobody", Marks(A), ASKED, Marks(NEW, Move(A, NOW)), "Moving"),
        (
            "a checkpoint comes first",
            Marks(A),
            ASKED | {"checkpoint": lambda _: None},
            Marks(A),
            "Checkpointing",
        ),
        ("it is waited for", Marks(A), ASKED | {"checkpoint": lambda _: Checkpoint()}, Marks(A), "Checkpointing"),
        (
            "without it everything stays",
            Marks(A),
            ASKED | {"checkpoint": lambda _: Checkpoint(failed="full", again=60)},
            Marks(A),
            "CheckpointFailed",
        ),
        (
            "and that is told until there is one",
            Marks(A),
            ASKED | {"checkpoint": lambda _: Checkpoint(failed="full")},
            Marks(A),
            "CheckpointFailed",
        ),
        (
            "before it is tried again the turn is asked for",
            Marks(A),
            {"image": "repo:2", "held": waits, "checkpoint": lambda _: Checkpoint(failed="full", due=True)},
            Marks(A),
            "Waiting",
        ),
        ("no checkpoint for a plan", Marks(A), {"plan": plan(**LARGER), "checkpoint": fails}, B, "Moving"),
        (
            "a new version that fails is taken back",
            UPGRADING,
            ASKED | {"gate": lambda *_: "no such image"},
            Marks(A, failed=Failed(NEW.digest, "no such image")),
            "RolledBack",
        ),
        (
            "and holds no change of the plan up",
            Marks(A, failed=Failed(NEW.digest, "no such image")),
            ASKED | {"plan": plan(**LARGER), "held": lambda: None, "checkpoint": fails},
            Marks(B, Move(A, NOW)),
            "Moving",
        ),
        ("the former version asked for again ends the move", UPGRADING, {"asked": True, "gate": fails}, Marks(A), None),
        (
            "a third version asked for takes its place",
            Marks(BROKEN, Move(A, NOW)),
            ASKED | {"gate": fails},
            Marks(NEW, Move(A, NOW)),
            "Moving",
        ),
        (
            "a plan's own releases wait for their turn",
            Marks(A),
            {"image": "repo:2", "release": "repo:2", "held": waits, "checkpoint": lambda _: None},
            Marks(A),
            "Waiting",
        ),
        (
            "which is not asked for again during the checkpoint",
            Marks(A),
            {"image": "repo:2", "release": "repo:2", "held": fails, "checkpoint": lambda _: Checkpoint()},
            Marks(A),
            "Checkpointing",
        ),
        (
            "plan and version that the owner names are one step, of which the version is taken back",
            Marks(A),
            ASKED | {"plan": plan("big")},
            Marks(edition("repo:2", "big"), Move(edition(name="big"), NOW)),
            "Moving",
        ),
        ("a sleeping store takes a version when it wakes", Marks(A), ASKED | {"hibernated": True}, NEW, "Hibernated"),
        (
            "and is not judged before",
            UPGRADING,
            ASKED | {"hibernated": True, "gate": fails},
            Marks(NEW, Move(A, None)),
            "Hibernated",
        ),
        ("but then", Marks(NEW, Move(A, None)), ASKED, Marks(NEW, Move(A, NOW)), "Moving"),
        (
            "what is being restored is left alone, at its turn, too",
            Marks(A),
            {"plan": plan(**LARGER), "store": RESTORING, "held": fails, "checkpoint": fails},
            Marks(A),
            "WaitsForRestore",
        ),
        (
            "and where the owner names a version",
            Marks(A),
            ASKED | {"store": AWAITING, "checkpoint": fails},
            Marks(A),
            "WaitsForRestore",
        ),
        ("a move that began before goes on", MOVING, {"plan": plan(**LARGER), "store": RESTORING}, MOVING, "Moving"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "=",
)
def test_a_step(case: str, marks: Marks | None, more: dict[str, Any], then: Any, reason: str | None) -> None:
    found = step(known(marks, **more))
    if reason:
        assert told(found) == reason
    match then:
        case Edition():
            assert found.marks.edition.digest == then.digest
        case Marks():
            assert found.marks.annotations() == then.annotations()
        case str():
            assert then in (found.marks.edition.image, found.marks.edition.plan)
        case _:
            assert found.marks.edition.spec.documents == then["documents"]


def test_a_version_that_failed_is_tried_once_more_under_another_plan() -> None:
    failed = Marks(A, failed=Failed(NEW.digest, "no such image"))
    still = step(known(failed, **ASKED))
    assert told(still) == "RolledBack"
    assert still.marks == failed


def test_every_step_of_an_upgrade_can_be_the_last_of_an_operator() -> None:
    """What one operator marks, and nothing else, is what the next one goes on from."""

    def reread(found: Step) -> Marks:
        annotations = found.marks.annotations()
        from vectorstore_operator.rollout import marks

        live = {"kind": "StatefulSet", "metadata": {"name": "acme", "annotations": annotations}}
        live["metadata"]["ownerReferences"] = [{"uid": "1", "controller": True}]  # type: ignore[index]
        again = marks.read(STORE, {("StatefulSet", "acme"): live})
        assert again is not None
        assert again.annotations() == annotations
        return again

    moving = step(known(Marks(A), **ASKED))
    later = replace(known(reread(moving), **ASKED), now=NOW + timedelta(seconds=60), gate=lambda _, since: str(since))
    back = step(later)
    assert back.marks.failed == Failed(NEW.digest, str(NOW))  # counted from when it began, not from the restart
    assert told(step(known(reread(back), **ASKED))) == "RolledBack"


def test_what_a_plan_counts_is_told() -> None:
    rolled = step(known(Marks(A), plan=plan(**LARGER), held=waits)).rolled.status
    assert rolled
    assert (rolled.edition, rolled.newest) == (A.digest, B.digest)
    assert (rolled.plan_edition, rolled.newest_plan) == (A.plan_digest, B.plan_digest)
    assert (rolled.restarts, rolled.moving, rolled.failed) == (True, None, None)
    moving = step(known(MOVING, plan=plan(**LARGER))).rolled
    assert moving.status
    assert moving.status.moving
    assert moving.version == "1"
    failed = step(known(Marks(A, failed=Failed(B.digest, "x")), plan=plan(**LARGER))).rolled.status
    assert failed
    assert failed.failed
    own = step(known(Marks(A, failed=Failed(NEW.digest, "x")), **ASKED)).rolled.status
    assert own
    assert own.newest == own.edition  # by its turn it has all: what failed is its owner's
    assert own.failed is None


def test_a_store_that_did_not_serve_before_says_nothing_of_what_fails_with_it() -> None:
    ill = {**STORE, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    begun = step(known(Marks(A), plan=plan(**LARGER), store=ill))
    assert begun.marks == Marks(B, Move(A, NOW, served=False))
    fails = {"gate": lambda edition, since: "they crash"}
    back = step(known(begun.marks, plan=plan(**LARGER), store=ill, **fails))
    assert back.marks == Marks(A, failed=Failed(B.digest, "they crash", served=False))
    assert back.rolled.status
    assert (back.rolled.status.failed, back.rolled.status.ailing) == (True, True)


@pytest.mark.parametrize(
    ("stands", "taken"),
    [
        (None, True),
        (Checkpoint(), False),
        (Checkpoint(failed="full"), False),
        (Checkpoint(failed="full", due=True), True),
    ],
)
def test_one_checkpoint_is_taken_at_a_time(stands: Checkpoint | None, taken: bool) -> None:
    found = step(known(Marks(A), **ASKED | {"checkpoint": lambda _: stands}))
    assert found.checkpoint == (NEW if taken else None)


def test_a_move_is_looked_at_when_its_time_is_over() -> None:
    assert step(known(MOVING, plan=plan(**LARGER))).wait == 150
    assert step(known(Marks(A), plan=plan(**LARGER, rollout={"gate_seconds": 60}))).wait == 60
