"""What is next for a backup, branch by branch."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.jobs import result
from tests.support.shelved import backup

from vectorstore_instance.backup.result import Info
from vectorstore_operator.backups.jobs.state import JobState
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.making.phase import MOST, PATIENCE, STARTS, Step, Try, behind, decide, standing
from vectorstore_operator.backups.making.removal import went
from vectorstore_operator.objects import Object
from vectorstore_operator.refusal import Refusal

NOW = datetime(2030, 6, 10, 20, tzinfo=UTC)
NONE = Try(1, None)
STORE: Object = {"metadata": {"uid": "0b1c"}, "spec": {}, "status": {"plan": "small"}}
READY: Object = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
WAITS = Refusal("StoreNotReady", "it does not answer", undecided=True)
INFO = Info.model_validate(
    {
        "format": 1, "name": "n", "object": "c/n/u/n.0.tar.zst", "cluster": "c", "namespace": "n", "uid": "u",
        "store": "acme", "run": "r", "taken": NOW, "finished": NOW, "sequence": 9, "collections": 2, "documents": 7,
        "bytes": 1024, "size": 512, "sha256": "0", "encrypted": False, "release": "1", "chromadb": "1",
        "model": "none", "dimension": 3, "precision": "fp32", "pauseSeconds": 0.1,
    }
)  # fmt: skip


def of(phase: str | None, **more: Any) -> Backup:
    return replace(backup(NOW, phase, scheduled=False), **more)


def job(ago: float = 0, **more: Any) -> JobState:
    """One that ended so many seconds ago."""
    return JobState(NOW - timedelta(hours=1), NOW - timedelta(seconds=ago), **more)


def running(**more: Any) -> JobState:
    return JobState(NOW - timedelta(minutes=1), **more)


def told(step: Step) -> dict[str, tuple[str, str]]:
    return {one.type: (one.status, one.reason) for one in step.told}


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Deleting"])
def test_what_is_done_with_is_left_alone(phase: str) -> None:
    assert decide(of(phase), None, NONE, NONE, True, NOW) == Step()


def test_an_adopted_one_without_a_status_is_left_alone_and_holds_up_none() -> None:
    blank = of(None, adopted=True)
    assert decide(blank, Refusal("NoStore", "gone"), NONE, NONE, True, NOW) == Step()
    assert behind(of(None, uid="another", created=NOW), [blank]) is None


def test_what_can_be_begun_is_told_to_run() -> None:
    step = decide(of(None), None, NONE, NONE, True, NOW)
    assert step.begins
    assert (step.status["phase"], step.status["attempts"]) == ("Running", 1)
    assert told(step) == {"Complete": ("Unknown", "Running"), "Verified": ("Unknown", "NotYet")}


def test_what_may_pass_is_waited_for_a_day_and_no_longer() -> None:
    asked = of("Pending")
    step = decide(asked, WAITS, NONE, NONE, True, NOW)
    assert (step.status, told(step)) == ({"phase": "Pending"}, {"Complete": ("Unknown", "StoreNotReady")})
    assert step.again == (asked.created + PATIENCE - NOW).total_seconds()
    late = decide(asked, WAITS, NONE, NONE, True, asked.created + PATIENCE)
    assert (late.status["phase"], told(late)) == ("Failed", {"Complete": ("False", "StoreNotReady")})


def test_a_store_that_comes_with_its_backup_may_be_seen_after_it() -> None:
    step = decide(of(None, created=NOW), Refusal("NoStore", "not there"), NONE, NONE, True, NOW)
    assert (step.status["phase"], step.again) == ("Pending", 5.0)


def test_what_does_not_pass_fails_at_once() -> None:
    step = decide(of("Pending"), Refusal("NoStore", "gone"), NONE, NONE, True, NOW)
    assert (step.status["phase"], told(step)) == ("Failed", {"Complete": ("False", "NoStore")})


def test_a_job_that_is_not_there_is_started() -> None:
    assert decide(of("Running"), None, Try(2, None), NONE, True, NOW).start == ("backup", 2)
    assert decide(of("Verifying"), None, NONE, Try(1, None), True, NOW).start == ("verify", 1)


def test_a_job_that_runs_is_waited_for() -> None:
    step = decide(of("Running"), None, Try(1, running()), NONE, True, NOW)
    assert (step.status, step.start, told(step)) == ({}, None, {"Complete": ("Unknown", "Running")})


def test_a_pod_that_cannot_start_is_told_and_given_up_for_another_after_a_while() -> None:
    stuck = running(reason="ImageUnavailable", failed="no such image")
    step = decide(of("Running"), None, Try(1, stuck), NONE, True, NOW)
    assert (told(step), step.discard) == ({"Complete": ("Unknown", "ImageUnavailable")}, None)
    late = decide(of("Running"), None, Try(1, stuck), NONE, True, NOW + STARTS)
    assert (late.discard, late.status) == (("backup", 1), {"attempts": 2})
    last = decide(of("Running"), None, Try(MOST, stuck), NONE, True, NOW + STARTS)
    assert (last.discard, last.status["phase"]) == (("backup", MOST), "Failed")


def test_what_passes_is_tried_again_after_a_while_and_three_times_in_all() -> None:
    away = result("backup", "StoreAway", transient=True)
    early = decide(of("Running"), None, Try(1, job(10, result=away)), NONE, True, NOW)
    assert (early.again, early.status, told(early)) == (20.0, {}, {"Complete": ("Unknown", "StoreAway")})
    due = decide(of("Running"), None, Try(1, job(60, result=away)), NONE, True, NOW)
    assert due.status == {"attempts": 2}
    last = decide(of("Running"), None, Try(MOST, job(600, result=away)), NONE, True, NOW)
    assert (last.status["phase"], told(last)) == ("Failed", {"Complete": ("False", "StoreAway")})


def test_a_drill_is_tried_again_likewise() -> None:
    away = result("verify", "DestinationAway", transient=True)
    step = decide(of("Verifying"), None, NONE, Try(1, job(60, result=away)), True, NOW)
    assert (step.start, told(step)) == (("verify", 2), {"Verified": ("Unknown", "DestinationAway")})


def test_what_does_not_pass_is_tried_once() -> None:
    step = decide(of("Running"), None, Try(1, job(result=result("backup", "NoSuchBucket"))), NONE, True, NOW)
    assert (step.status["phase"], told(step)) == ("Failed", {"Complete": ("False", "NoSuchBucket")})
    slow = decide(of("Running"), None, Try(1, job(reason="TooSlow", failed="slow")), NONE, True, NOW)
    assert told(slow) == {"Complete": ("False", "TooSlow")}


def test_what_was_made_is_told_and_proven_where_it_is_to_be() -> None:
    made = Try(1, job(result=result("backup", backup=INFO)))
    step = decide(of("Running"), None, made, NONE, True, NOW)
    assert (step.status["phase"], step.status["size"], step.status["documents"]) == ("Verifying", 512, 7)
    assert told(step) == {"Complete": ("True", "Done"), "Verified": ("Unknown", "NotYet")}
    unproven = decide(of("Running"), None, made, NONE, False, NOW)
    assert unproven.status["phase"] == "Completed"
    assert told(unproven)["Verified"] == ("Unknown", "NotAsked")


def test_a_job_that_says_nothing_of_what_it_made_has_failed() -> None:
    step = decide(of("Running"), None, Try(1, job(result=result("backup"))), NONE, True, NOW)
    assert (step.status["phase"], told(step)) == ("Failed", {"Complete": ("False", "Failed")})


def test_a_drill_decides_between_completed_and_failed() -> None:
    held = decide(of("Verifying"), None, NONE, Try(1, job(result=result("verify"))), True, NOW)
    assert (held.status["phase"], told(held)) == ("Completed", {"Verified": ("True", "Done")})
    assert held.status["verified"]["questions"] == 5
    bad = decide(of("Verifying"), None, NONE, Try(1, job(result=result("verify", "Differs"))), True, NOW)
    assert (bad.status["phase"], told(bad)) == ("Failed", {"Verified": ("False", "Differs")})


@pytest.mark.parametrize(
    ("store", "pod", "reason", "passes"),
    [
        (None, READY, "NoStore", False),
        (STORE | {"metadata": {"uid": "another"}}, READY, "OtherStore", False),
        (STORE | {"metadata": {"uid": "0b1c", "deletionTimestamp": "now"}}, READY, "StoreGoes", False),
        (STORE | {"spec": {"engine": {"remote": {} | {"url": "https://x"}}}}, READY, "EngineElsewhere", False),
        (STORE | {"status": {"restore": {"phase": "Restoring", "request": "1"}}}, READY, "Restoring", True),
        (STORE | {"status": {"restore": {"phase": "Waiting"}}}, READY, "Restoring", True),
        (STORE | {"status": {}}, READY, "NotAccepted", True),
        (STORE | {"spec": {"hibernated": True}}, {}, "Hibernated", True),
        (STORE, {}, "StoreNotReady", True),
    ],
)
def test_what_stands_in_the_way(store: Object | None, pod: Object, reason: str, passes: bool) -> None:
    why = standing(store, {("Pod", "acme-0"): pod}, of("Pending"))
    assert why is not None
    assert (why.reason, why.undecided) == (reason, passes)


def test_a_store_that_answers_is_backed_up_paused_or_not() -> None:
    assert standing(STORE | {"spec": {"paused": True}}, {("Pod", "acme-0"): READY}, of("Pending")) is None


def test_the_earlier_of_two_and_whatever_runs_goes_first() -> None:
    first, second = of(None, uid="1"), of("Pending", uid="2", created=NOW + timedelta(minutes=1))
    assert behind(first, [first, second]) is None
    why = behind(second, [first, second])
    assert why is not None
    assert why.reason == "Overlap"
    assert behind(second, [replace(first, phase="Verifying"), second]) is None
    assert behind(first, [first, replace(second, phase="Running")]) is not None


@pytest.mark.parametrize(
    ("namespace", "gone"),
    [
        (None, True),
        ({"metadata": {}, "status": {"phase": "Terminating"}}, True),
        ({"metadata": {"creationTimestamp": "2030-06-09T20:00:00Z"}, "status": {"phase": "Active"}}, False),
        ({"metadata": {"creationTimestamp": "2030-06-10T20:05:00Z"}, "status": {"phase": "Active"}}, True),
    ],
)
def test_the_backups_of_a_namespace_that_was_made_anew_went_with_the_former(namespace: Any, gone: bool) -> None:
    assert went(namespace, [of("Completed")]) is gone
