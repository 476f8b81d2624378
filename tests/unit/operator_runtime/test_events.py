"""Events: what is told of a change of status, and what is not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from vectorstore_operator.observe.news import transitions


def status(**conditions: tuple[str, str]) -> dict[str, Any]:
    return {
        "conditions": [
            {"type": kind, "status": value, "reason": reason, "message": f"because {reason}"}
            for kind, (value, reason) in conditions.items()
        ]
    }


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    return [(news.type, news.reason) for news in transitions(before, after)]


def test_a_store_that_comes_up_is_told_of_once_it_is_ready() -> None:
    starting = status(Accepted=("True", "Accepted"), Ready=("False", "Starting"))
    ready = status(Accepted=("True", "Accepted"), Ready=("True", "Ready"))
    assert told({}, starting) == []
    assert told(starting, ready) == [("Normal", "Ready")]
    assert told(ready, ready) == []


def test_a_refusal_is_told_at_once_and_its_change_and_its_end_too() -> None:
    unknown = status(Accepted=("False", "PlanNotFound"))
    above = status(Accepted=("False", "QuotaAbovePlan"))
    fine = status(Accepted=("True", "Accepted"))
    assert told({}, unknown) == [("Warning", "PlanNotFound")]
    assert told(unknown, above) == [("Warning", "QuotaAbovePlan")]
    assert told(above, fine) == [("Normal", "Accepted")]


def test_a_store_that_stops_being_ready_is_told_of() -> None:
    assert told(status(Ready=("True", "Ready")), status(Ready=("False", "PodsNotReady"))) == [
        ("Warning", "PodsNotReady")
    ]


def test_a_store_that_was_put_to_sleep_is_no_bad_news() -> None:
    assert told(status(Ready=("True", "Ready")), status(Ready=("False", "Hibernated"))) == [("Normal", "Hibernated")]


def test_other_conditions_are_not_told() -> None:
    assert told({}, status(Progressing=("True", "Rolling"))) == []


def test_backups_that_are_not_well_are_told_of_and_that_none_is_wanted_is_not() -> None:
    new, good = status(BackupHealthy=("Unknown", "NeverBackedUp")), status(BackupHealthy=("True", "Healthy"))
    old = status(BackupHealthy=("False", "TooOld"))
    assert told({}, new) == told(good, status(BackupHealthy=("Unknown", "Suspended"))) == []
    assert told(good, old) == told(new, old) == [("Warning", "TooOld")]
    assert told(old, good) == [("Normal", "Healthy")]


BEFORE = {"rotatedAt": "1", "rotate": "a", "formerValidUntil": "9"}


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, {"rotatedAt": "1"}, []),
        (BEFORE, BEFORE, []),
        (BEFORE, BEFORE | {"nextRotation": "5"}, []),
        (BEFORE, BEFORE | {"rotatedAt": "2", "rotate": "b"}, ["CredentialsRotated"]),
        (BEFORE, {"rotatedAt": "2", "rotate": "a", "revoke": "x"}, ["CredentialsRevoked"]),
        (BEFORE, BEFORE | {"rotatedAt": "2", "secretName": "mine"}, ["CredentialsReplaced"]),
        (BEFORE, {"rotatedAt": "1", "rotate": "a"}, ["CredentialsExpired"]),
    ],
)
def test_what_became_of_keys_is_told_once(before: dict[str, Any], after: dict[str, Any], reasons: list[str]) -> None:
    assert told({"keys": before}, {"keys": after}) == [("Normal", reason) for reason in reasons]


def test_a_move_is_told_of_when_it_has_ended_either_way() -> None:
    stays = status(UpdateAvailable=("False", "UpToDate")) | {"version": "1"}
    moves, back = (status(UpdateAvailable=("True", reason)) | {"version": "1"} for reason in ("Moving", "RolledBack"))
    assert told(stays, moves) == []
    assert told(moves, back) == [("Warning", "RolledBack")]
    assert told(back, back) == []
    assert told(moves, stays | {"version": "2"}) == [("Normal", "VersionChanged")]
    assert told({}, stays) == []


def restore(phase: str | None, **more: Any) -> dict[str, Any]:
    return {"restore": {"phase": phase, "source": "tenants/nightly"} | more}


def test_what_became_of_a_restore_is_told_once_for_each_step() -> None:
    waits = restore("Waiting", reason="BackupNotFound", message="none of that name")
    other = restore("Waiting", reason="StoreNotUp")
    begins, again = restore("Restoring", attempts=1), restore("Restoring", attempts=2)
    done, failed = restore("Restored", documents=7), restore("Failed", reason="WrongKey", message="another key")
    steps = [{}, waits, other, begins, restore("Restoring", attempts=1, message="it runs"), again, done]
    assert [told(*pair) for pair in itertools.pairwise(steps)] == [
        [("Normal", "RestoreWaits")],
        [("Normal", "RestoreWaits")],
        [("Normal", "RestoreBegins")],
        [],
        [("Normal", "RestoreBegins")],
        [("Normal", "Restored")],
    ]
    (news,) = transitions(again, failed)
    assert news == ("Warning", "RestoreFailed", "tenants/nightly: another key")
    assert told(failed, failed) == told(done, {}) == told({}, {"restore": {"skipped": "r1"}}) == []
