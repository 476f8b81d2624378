"""What a store is to be restored from, and every step of that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vectorstore_instance.backup.result import Reason, Result, Verified
from vectorstore_operator.api.restore import RestoreStatus
from vectorstore_operator.backups.jobs.state import JobState
from vectorstore_operator.backups.restores.former import passed_over
from vectorstore_operator.backups.restores.step import (
    MOST,
    Hindrance,
    Next,
    Port,
    asked,
    begun,
    conditions,
    followed,
    hindered,
    recorded,
    refused,
    restored,
    run,
    taken_back,
)
from vectorstore_operator.backups.tenants.wishes import Wish
from vectorstore_operator.objects import Object

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BACKUP = {"backup": {"name": "nightly"}}
BUCKET = {"s3": {"bucket": "mine", "prefix": "a"}, "secretName": "s3"}
OBJECT = {"object": {"destination": BUCKET, "path": "a/x.tar.zst"}}
RESTORING = RestoreStatus(phase="Restoring", source="t/nightly", attempts=1, started_at="2026-03-01T11:00:00Z")
IN_PLACE = RESTORING.model_copy(update={"request": "r1"})
RUN = "0123"


def store(status: Object | None = None, **spec: Any) -> Object:
    """A store that was looked at before, unless its status is {}."""
    told = {"observedGeneration": 1} if status is None else status
    return {"metadata": {"name": "acme", "namespace": "t", "uid": "1"}, "spec": spec, "status": told}


def of(status: RestoreStatus) -> Object:
    return {"observedGeneration": 1, "restore": status.model_dump(by_alias=True, exclude_none=True)}


def job(*, ended: float | None = None, **more: Any) -> JobState:
    """A Job that was made an hour ago, and ended so many seconds ago."""
    return JobState(NOW - timedelta(hours=1), None if ended is None else NOW - timedelta(seconds=ended), **more)


def result(reason: Reason = "Done", *, transient: bool = False) -> Result:
    proof = Verified(at=NOW, seconds=1, collections=1, documents=7, questions=5, recall=1.0)
    ok = reason == "Done"
    return Result(
        verb="restore",
        ok=ok,
        reason=reason,
        message="it says why",
        seconds=1,
        transient=transient,
        verified=proof if ok else None,
    )


def follow(
    status: RestoreStatus, state: JobState | None, port: Port | None = None, *, wanted: bool = True
) -> RestoreStatus:
    return followed(status, state, port, run=RUN, asked=wanted, now=NOW).status


@pytest.mark.parametrize(
    ("case", "live", "wants"),
    [
        ("nothing", store(), None),
        ("a new store begins with its backup", store({}, restoreFrom=BACKUP), ""),
        ("an operator that comes later begins it, too", store(restoreFrom=BACKUP), ""),
        ("it goes on", store(of(RESTORING), restoreFrom=BACKUP), ""),
        ("and waits", store(of(RestoreStatus(phase="Waiting")), restoreFrom=BACKUP), ""),
        ("once", store(of(RestoreStatus(phase="Restored")), restoreFrom=BACKUP), None),
        ("and does not begin anew by itself", store(of(RestoreStatus(phase="Failed")), restoreFrom=BACKUP), None),
        ("a request is carried out", store(restore=BACKUP | {"request": "r1"}), "r1"),
        ("also instead of what it began with", store(restoreFrom=BACKUP, restore=OBJECT | {"request": "r1"}), "r1"),
        ("it goes on, too", store(of(IN_PLACE), restore=BACKUP | {"request": "r1"}), "r1"),
        (
            "once for each request",
            store(of(RestoreStatus(phase="Restored", request="r1")), restore=BACKUP | {"request": "r1"}),
            None,
        ),
        (
            "and another is carried out",
            store(of(RestoreStatus(phase="Failed", request="r1")), restore=BACKUP | {"request": "r2"}),
            "r2",
        ),
        (
            "of which the first data are no part any more",
            store(of(RestoreStatus(phase="Restored", request="r1")), restoreFrom=BACKUP),
            None,
        ),
        ("a manifest from elsewhere overwrites nothing", store({}, restore=BACKUP | {"request": "r1"}), None),
        (
            "nor later",
            store(of(RestoreStatus(skipped="r1")), restore=BACKUP | {"request": "r1"}),
            None,
        ),
        (
            "but begins with what it says",
            store({}, restoreFrom=BACKUP, restore=BACKUP | {"request": "r1"}),
            "",
        ),
        (
            "and its owner may ask then",
            store(of(RestoreStatus(skipped="r1")), restore=BACKUP | {"request": "r2"}),
            "r2",
        ),
        (
            "nor is one from before the last",
            store(of(RestoreStatus(phase="Restored", request="r2", former=["r1"])), restore=BACKUP | {"request": "r1"}),
            None,
        ),
        ("what the schema would refuse asks for nothing", store(restore={"request": "r1"}), None),
        (
            "nor does anything by a status that cannot be read",
            store({"restore": {"phase": "Dancing"}}, restore=BACKUP | {"request": "r1"}),
            None,
        ),
        (
            "a later release's fields are no trouble",
            store(
                {"restore": {"phase": "Restored", "request": "r1", "mood": "good"}}, restore=BACKUP | {"request": "r1"}
            ),
            None,
        ),
    ],
)
def test_what_is_asked(case: str, live: Object, wants: str | None) -> None:
    found = asked(live, recorded(live))
    assert (None if found is None else found.request or "") == wants, case


WISH = Wish("asked-20260301115900-0123abcd", "restore", NOW, backup="nightly")


def test_a_wish_is_carried_out_once_and_undoes_no_request() -> None:
    """What the manifest asked for before is not carried out once more because something else was since."""
    live = store(of(RestoreStatus(phase="Restored", request="r1")), restore=OBJECT | {"request": "r1"})
    ask = asked(live, recorded(live), WISH)
    assert ask
    assert (ask.request, ask.told("t"), ask.field) == (WISH.id, "t/nightly", "POST /restore")
    status = begun(recorded(live), ask, "t/nightly", NOW).status
    for found in (status, hindered(recorded(live), ask, "t/nightly", Hindrance("StoreNotUp", "not yet"), NOW).status):
        again = store(of(found), restore=OBJECT | {"request": "r1"})
        assert asked(again, recorded(again)) == ask  # by an operator that heard of no wish
    done = store(of(status.model_copy(update={"phase": "Restored"})), restore=OBJECT | {"request": "r1"})
    assert asked(done, recorded(done)) is None
    assert asked(done, recorded(done), WISH) is None


def test_a_request_goes_before_a_wish_that_was_not_begun() -> None:
    other = {"restore": OBJECT | {"request": "r2"}}
    wished = RestoreStatus(phase="Waiting", request=WISH.id, source="t/nightly", former=["r1"])
    going = wished.model_copy(update={"phase": "Restoring"})
    for live, first in (
        (store(**other), "r2"),
        (store(of(wished), **other), "r2"),
        (store(of(going), **other), WISH.id),
        (store(of(IN_PLACE), restore=BACKUP | {"request": "r1"}), "r1"),
    ):
        ask = asked(live, recorded(live), WISH)
        assert ask
        assert ask.request == first


def ended(live: Object) -> RestoreStatus:
    """What is recorded when what a store asks for has come to its end."""
    ask = asked(live, recorded(live))
    assert ask
    status = begun(recorded(live), ask, "t/nightly", NOW).status
    return follow(status, job(result=result()))


def test_a_manifest_that_is_applied_again_is_not_carried_out_again() -> None:
    """GitOps states A; somebody asks for C; then comes A once more, and what was written since stays."""
    asks = {each: {"restore": BACKUP | {"request": each}} for each in "ABC"}
    before = RestoreStatus(skipped="r0")
    for each in asks.values():
        before = ended(store(of(before), **each))
    assert (before.request, before.former, before.skipped) == ("C", ["B", "A"], "r0")
    for each in ("A", "B", "C", "r0"):
        again = store(of(before), restore=BACKUP | {"request": each})
        assert asked(again, recorded(again)) is None, each
        condition, _ = conditions(before, passed_over(again, before))
        assert condition
        assert (condition.status, condition.reason) == ("True", "Restored")
        hint = (
            f"; spec.restore.request: {each!r} was asked before and is not carried out again; ask with another request"
        )
        assert condition.message.endswith(hint) == (each != "C"), condition.message


@pytest.mark.parametrize("end", ["waits", "fails", "is taken back", "fits none", "was there already"])
def test_a_request_is_known_for_good_whatever_came_of_it(end: str) -> None:
    live = store(of(RestoreStatus(phase="Restored", request="A", former=["r0"])), restore=BACKUP | {"request": "B"})
    before = recorded(live)
    ask = asked(live, before)
    assert ask
    match end:
        case "waits":
            after = hindered(before, ask, "t/nightly", Hindrance("StoreNotUp", "not yet"), NOW).status
        case "fails":
            after = follow(begun(before, ask, "t/nightly", NOW).status, job(ended=5, result=result("WrongKey")))
        case "is taken back":
            after = taken_back(hindered(before, ask, "t/nightly", Hindrance("StoreNotUp", "not yet"), NOW).status)
        case "fits none":
            after = hindered(before, ask, "t/nightly", Hindrance("WrongModel", "another", final=True), NOW).status
        case _:
            after = restored(before, ask, "t/nightly", Port("done", RUN, 9), NOW).status
    assert (after.request, after.former) == ("B", ["A", "r0"])
    last = ended(store(of(after), restore=BACKUP | {"request": "C"}))
    assert last.former == ["B", "A", "r0"]


def test_one_that_is_asked_before_is_told_even_where_the_last_was_taken_back() -> None:
    over = RestoreStatus(request="B", former=["A"], reason="TakenBack", message="taken back")
    condition, waits = conditions(over, passed_over(store(of(over), restore=BACKUP | {"request": "A"}), over))
    assert condition
    assert (condition.status, condition.reason, waits) == ("False", "AskedBefore", None)
    new = RestoreStatus(skipped="A")  # nothing was restored, and nothing is to be said
    assert passed_over(store(of(new), restore=BACKUP | {"request": "A"}), new) == ""


def test_so_many_requests_are_known_and_no_tenant_pushes_them_out() -> None:
    status = RestoreStatus()
    for number in range(20):
        status = ended(store(of(status), restore=BACKUP | {"request": f"r{number}"}))
    assert status.former == [f"r{number}" for number in range(18, 2, -1)]
    for number in range(100):
        wish = replace(WISH, id=f"asked-20260301115900-{number:08}")
        live = store(of(status), restore=BACKUP | {"request": "r19"})
        ask = asked(live, recorded(live), wish)
        assert ask
        status = follow(begun(recorded(live), ask, "t/nightly", NOW).status, job(result=result()))
    known = status.former or []
    stated = [each for each in known if each.startswith("r")]
    assert stated == [f"r{number}" for number in range(19, 7, -1)]
    assert [each for each in known if each not in stated] == [f"asked-20260301115900-{n:08}" for n in range(98, 94, -1)]
    RestoreStatus.model_validate(status.model_dump())


def test_what_is_asked_is_told_for_people() -> None:
    live = store(restore=OBJECT | {"request": "r1"})
    found = asked(live, recorded(live))
    assert found
    assert (found.field, found.told("t"), found.in_place) == ("spec.restore", "s3://mine/a/x.tar.zst", True)
    for spec, told in ((BACKUP, "t/nightly"), ({"backup": {"name": "b", "namespace": "other"}}, "other/b")):
        live = store(restoreFrom=spec)
        found = asked(live, recorded(live))
        assert found
        assert (found.field, found.told("t"), found.in_place) == ("spec.restoreFrom", told, False)


def test_each_restore_has_a_run_of_its_own() -> None:
    other = {**store(), "metadata": store()["metadata"] | {"uid": "2"}}
    runs = [run(store(), None), run(store(), "r1"), run(store(), "r2"), run(other, "r1")]
    assert len(set(runs)) == 4
    assert run(store(), "r1") == runs[1]


def step(found: Next) -> tuple[Any, ...]:
    return found.status.phase, found.status.reason, found.start, found.again is not None


@pytest.mark.parametrize("request_", [None, "r1"])
def test_it_begins_only_after_that_is_told(request_: str | None) -> None:
    spec = {"restore": BACKUP | {"request": request_}} if request_ else {"restoreFrom": BACKUP}
    live = store({"restore": {"skipped": "r0"}}, **spec)
    ask = asked(live, recorded(live))
    assert ask
    waits = hindered(recorded(live), ask, "t/nightly", Hindrance("BackupNotFound", "no such backup"), NOW)
    assert step(waits) == ("Waiting", "BackupNotFound", False, True)
    assert waits.status.finished_at is None
    begins = begun(waits.status, ask, "t/nightly", NOW)
    assert step(begins) == ("Restoring", None, False, False)
    told = begins.status
    assert (told.attempts, told.request, told.skipped, told.source) == (1, request_, "r0", "t/nightly")
    starts = followed(told, None, Port("waiting"), run=RUN, asked=True, now=NOW)
    assert (starts.status, starts.start) == (told, True)
    fails = hindered(waits.status, ask, "t/nightly", Hindrance("WrongModel", "another", final=True), NOW)
    assert step(fails) == ("Failed", "WrongModel", False, False)
    assert fails.status.finished_at
    assert "ask with" in (fails.status.message or "")


def test_a_request_that_is_taken_back_is_over() -> None:
    waiting = RestoreStatus(phase="Waiting", request="r1", source="t/nightly")
    over = taken_back(waiting)
    assert (over.phase, over.request, over.reason) == (None, "r1", "TakenBack")
    assert conditions(over) == (None, None)
    live = store(of(over), restore=BACKUP | {"request": "r1"})
    assert asked(live, recorded(live)) is None


@pytest.mark.parametrize("status", [RESTORING, IN_PLACE], ids=["new", "in place"])
def test_how_a_job_fares(status: RestoreStatus) -> None:
    assert follow(status, job()) == status  # it runs
    stuck = follow(status, job(reason="Unschedulable", failed="no node takes it"))
    assert (stuck.phase, stuck.reason, stuck.message) == ("Restoring", "Unschedulable", "no node takes it")
    assert follow(stuck, job()) == status  # and then it runs
    done = follow(status, job(result=result()))
    assert (done.phase, done.documents, done.finished_at) == ("Restored", 7, "2026-03-01T12:00:00Z")


@pytest.mark.parametrize("status", [RESTORING, IN_PLACE], ids=["new", "in place"])
@pytest.mark.parametrize("wanted", [True, False])
def test_what_the_instance_has_already_is_not_restored_again(status: RestoreStatus, wanted: bool) -> None:
    """The Job is gone, or did not live to tell; the data are there by this very restore."""
    has = Port("done", RUN, 9)
    for state in (None, job(ended=5, reason="Interrupted", failed="x"), job(ended=5, result=result("StoreAway"))):
        done = follow(status, state, has, wanted=wanted)
        assert (done.phase, done.documents) == ("Restored", 9)


def test_nothing_is_started_before_the_instance_says_how_it_stands() -> None:
    silent = followed(IN_PLACE, None, None, run=RUN, asked=True, now=NOW)
    assert step(silent) == ("Restoring", "StoreNotUp", False, True)
    failed = followed(
        IN_PLACE, job(ended=999, result=result("StoreAway", transient=True)), None, run=RUN, asked=True, now=NOW
    )
    assert step(failed) == ("Restoring", "StoreAway", False, True)
    for phase in ("receiving", "proving", "starting"):
        busy = followed(IN_PLACE, None, Port(phase), run=RUN, asked=True, now=NOW)
        assert step(busy) == ("Restoring", None, False, True)
    other = followed(IN_PLACE, None, Port("done", "another run", 3), run=RUN, asked=True, now=NOW)
    assert other.start


@pytest.mark.parametrize("status", [RESTORING, IN_PLACE], ids=["new", "in place"])
def test_what_passes_is_tried_again_and_not_for_ever(status: RestoreStatus) -> None:
    away, idle = result("DestinationAway", transient=True), Port("waiting")
    soon = followed(status, job(ended=5, result=away), idle, run=RUN, asked=True, now=NOW)
    assert step(soon) == ("Restoring", "DestinationAway", False, True)
    assert (soon.again, soon.status.attempts) == (10, 1)
    assert follow(soon.status, job(ended=15, result=away), idle) == status.model_copy(update={"attempts": 2})
    dead = job(ended=3600, reason="Interrupted", failed="its pod ended")
    assert follow(status, dead, idle).attempts == 2
    last = follow(status.model_copy(update={"attempts": MOST}), dead, idle)
    assert (last.phase, last.reason, last.attempts) == ("Failed", "Interrupted", MOST)
    assert "its pod ended" in (last.message or "")


def test_what_does_not_pass_has_failed_at_once() -> None:
    for status, says in ((RESTORING, "make the store anew"), (IN_PLACE, "another request")):
        found = follow(status, job(ended=5, result=result("WrongKey")), Port("waiting"))
        assert (found.phase, found.reason) == ("Failed", "WrongKey")
        assert "it says why" in (found.message or "")
        assert says in (found.message or "")


def test_what_nobody_wants_any_more_is_not_started_again_and_its_job_is_waited_for() -> None:
    idle = Port("none")
    assert follow(IN_PLACE, job(), wanted=False) == IN_PLACE
    assert follow(IN_PLACE, job(result=result()), wanted=False).phase == "Restored"
    assert follow(IN_PLACE, None, idle, wanted=False).reason == "TakenBack"
    assert follow(RESTORING, None, idle, wanted=False) == RestoreStatus()  # a request takes its place
    away = result("DestinationAway", transient=True)
    assert follow(IN_PLACE, job(ended=99, result=away), idle, wanted=False).phase == "Failed"


def test_a_job_that_the_api_server_refuses_is_told() -> None:
    assert step(refused(IN_PLACE, "exceeded quota")) == ("Restoring", "JobRefused", False, True)


def test_a_status_that_was_lost_is_made_up_for() -> None:
    live = store(restoreFrom=BACKUP)
    ask = asked(live, recorded(live))
    assert ask
    found = restored(recorded(live), ask, "t/nightly", Port("done", RUN, 9), NOW).status
    assert (found.phase, found.documents, found.source) == ("Restored", 9, "t/nightly")


@pytest.mark.parametrize(
    ("status", "restored_", "ready"),
    [
        (RestoreStatus(), None, None),
        (RestoreStatus(skipped="r1"), None, None),
        (RestoreStatus(phase="Restored", source="t/b", documents=3), ("True", "Restored"), None),
        (
            RestoreStatus(phase="Waiting", source="t/b", reason="Busy", message="m"),
            ("False", "Busy"),
            "t/b: m; see Restored",
        ),
        (RESTORING, ("False", "Restoring"), "t/nightly; see Restored"),
        (
            RestoreStatus(phase="Failed", source="t/b", reason="WrongKey", message="m"),
            ("False", "WrongKey"),
            "t/b: m; see Restored",
        ),
        (
            RestoreStatus(phase="Waiting", request="r", source="t/b", reason="Busy", message="m"),
            ("False", "Busy"),
            None,
        ),
        (IN_PLACE, ("False", "Restoring"), "t/nightly; see Restored"),
        (
            RestoreStatus(phase="Failed", request="r", source="t/b", reason="WrongKey", message="m"),
            ("False", "WrongKey"),
            None,
        ),
    ],
)
def test_what_is_told(status: RestoreStatus, restored_: tuple[str, str] | None, ready: str | None) -> None:
    condition, waits = conditions(status)
    assert (condition and (condition.type, condition.status, condition.reason)) == (
        restored_ and ("Restored", *restored_)
    )
    assert (waits and (waits.type, waits.status, waits.reason, waits.message)) == (
        ready and ("Ready", "False", "Restoring", ready)
    )
