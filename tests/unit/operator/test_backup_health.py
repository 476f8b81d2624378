"""How a store comes along with its schedule, and whether it is protected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.shelved import backup

from vectorstore_operator.api.backup import Retention
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.schedules.care import Care, care_of
from vectorstore_operator.backups.schedules.course import Course, last_good, turn
from vectorstore_operator.backups.schedules.health import health
from vectorstore_operator.backups.schedules.schedule import Schedule
from vectorstore_operator.refusal import Refusal

NIGHTLY = Schedule("0 2 * * *")
NIGHT = datetime(2026, 6, 10, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE = Course(next=NIGHT, scheduled=NIGHT - DAY, good=NIGHT - DAY)
"""Of a store whose time comes at NIGHT."""


def test_a_new_schedule_begins_with_its_next_time() -> None:
    assert turn(Course(), NIGHTLY, (), NIGHT - HOUR) == (Course(next=NIGHT), None)
    assert turn(Course(), NIGHTLY, (), NIGHT + HOUR) == (Course(next=NIGHT + DAY), None)


def test_nothing_is_due_before_its_time() -> None:
    assert turn(DUE, NIGHTLY, (), NIGHT - timedelta(seconds=1)) == (DUE, None)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=3), HOUR, DAY - timedelta(seconds=1)])
def test_a_time_that_has_come_is_carried_out_once(late: timedelta) -> None:
    course, due = turn(DUE, NIGHTLY, (), NIGHT + late)
    assert (course, due) == (replace(DUE, next=NIGHT + DAY, scheduled=NIGHT), NIGHT)
    assert turn(course, NIGHTLY, (), NIGHT + late) == (course, None)


def test_an_outage_is_made_up_for_by_one_run_and_the_others_are_missed() -> None:
    now = NIGHT + 5 * DAY + HOUR
    assert turn(DUE, NIGHTLY, (), now) == (Course(NIGHT + 6 * DAY, NIGHT + 5 * DAY, 5, DUE.good), NIGHT + 5 * DAY)


def test_while_the_one_before_is_being_made_the_next_is_missed() -> None:
    for phase in (None, "Pending", "Running", "Verifying"):
        course, due = turn(DUE, NIGHTLY, [backup(NIGHT - HOUR, phase)], NIGHT)
        assert (course.skipped, course.scheduled, due) == (1, NIGHT, None), phase
    for phase in ("Completed", "Failed", "Deleting"):
        assert turn(DUE, NIGHTLY, [backup(NIGHT - HOUR, phase)], NIGHT)[1] == NIGHT, phase
    assert turn(DUE, NIGHTLY, [backup(NIGHT - HOUR, "Running", scheduled=False)], NIGHT)[1] == NIGHT


def test_who_comes_after_an_operator_that_was_killed_makes_nothing_twice() -> None:
    made = backup(NIGHT + timedelta(minutes=1, seconds=2), "Running")  # asked for two seconds after its time
    course, due = turn(DUE, NIGHTLY, [made], NIGHT + timedelta(minutes=2))
    assert (course, due) == (Course(NIGHT + DAY, NIGHT, 0, DUE.good), None)
    named = backup(NIGHT - HOUR, "Running", name="acme-202606100200")  # by an API server whose clock is behind
    assert turn(DUE, NIGHTLY, [named], NIGHT + HOUR) == (course, None)
    course, due = turn(DUE, NIGHTLY, [backup(NIGHT + timedelta(minutes=2))], NIGHT + DAY)
    assert (course.skipped, due) == (0, NIGHT + DAY)  # only the second night is to be made up for


def test_another_schedule_brings_no_run_for_what_it_would_have_been_before() -> None:
    noon = NIGHT + 10 * HOUR
    known = replace(DUE, next=NIGHT + DAY)
    assert turn(known, Schedule("0 10 * * *"), (), noon) == (replace(known, next=NIGHT + DAY + 8 * HOUR), None)
    # And where nobody worked when it was changed.
    assert turn(DUE, Schedule("0 23 * * *"), (), noon) == (replace(DUE, next=NIGHT + 21 * HOUR), None)


def test_while_a_schedule_is_held_nothing_is_due_nor_missed() -> None:
    held = replace(DUE, next=None)
    assert turn(DUE, None, (), NIGHT + 3 * DAY) == (held, None)
    assert turn(held, NIGHTLY, (), NIGHT + 3 * DAY + HOUR) == (replace(held, next=NIGHT + 4 * DAY), None)


def test_a_store_that_slept_over_its_time_is_backed_up_when_it_wakes() -> None:
    asleep = turn(DUE, NIGHTLY, (), NIGHT + 2 * DAY, asleep=True)
    assert asleep == (DUE, None)
    course, due = turn(DUE, NIGHTLY, (), NIGHT + 2 * DAY + HOUR)
    assert (course.next, due) == (NIGHT + 3 * DAY, NIGHT + 2 * DAY)


def test_what_a_status_tells_is_all_there_is_to_know() -> None:
    failures = [backup(NIGHT + n * DAY, "Failed") for n in (1, 2)]
    backups = [backup(NIGHT), *failures]
    course = Course(NIGHT + 6 * DAY, NIGHT + 5 * DAY, 3, NIGHT)
    told = health(care(), course, backups, NIGHT + 5 * DAY).protection
    assert told.missed == 5
    assert Course.told(told.model_dump(mode="json", by_alias=True), backups) == course
    assert Course.told({"next": 7, "of": "a later release"}, backups) == Course()


def test_a_new_good_one_ends_what_was_missed_and_the_loss_of_one_does_not() -> None:
    course = Course(skipped=4, good=NIGHT)
    assert course.with_good(backup(NIGHT)).skipped == 4
    assert course.with_good(backup(NIGHT + DAY)) == Course(skipped=0, good=NIGHT + DAY)
    assert course.with_good(backup(NIGHT - DAY)) == Course(skipped=4, good=NIGHT - DAY)


NOW = NIGHT + HOUR
NO_PLACE = Refusal("NoDestination", "plan small has no backup.destination; name one")


def care(**given: object) -> Care:
    usual = Care(
        created=NIGHT - 30 * DAY,
        schedule=NIGHTLY,
        suspended=False,
        asleep=False,
        retention=None,
        zone="UTC",
        stale=None,
        refusal=None,
    )
    return replace(usual, **given)  # type: ignore[arg-type]


OLD = [backup(NOW - 3 * DAY)]
FAILED = backup(NOW, "Failed", reason="DestinationAway")
NOT_PROVEN = backup(
    NOW, "Failed", conditions=[{"type": "Verified", "status": "False", "reason": "Differs", "message": "other rows"}]
)


@pytest.mark.parametrize(
    ("given", "backups", "skipped", "says"),
    [
        (care(), [backup(NIGHT)], 0, ("True", "Healthy")),
        (care(), [backup(NIGHT), backup(NOW, "Running")], 0, ("True", "Healthy")),
        (care(), [], 0, ("Unknown", "NeverBackedUp")),
        (care(), [backup(NOW, "Running")], 0, ("Unknown", "NeverBackedUp")),
        (care(), [backup(NOW, "Pending")], 1, ("False", "NeverBackedUp")),
        (care(schedule=None, stale=DAY), [], 0, ("False", "NeverBackedUp")),
        (care(), OLD, 0, ("False", "TooOld")),
        (care(stale=4 * DAY), OLD, 0, ("True", "Healthy")),
        (care(schedule=None, stale=DAY), OLD, 0, ("False", "TooOld")),
        (care(), [*OLD, FAILED], 0, ("False", "TooOld")),
        (care(), [backup(NIGHT), FAILED], 0, ("False", "LastFailed")),
        (care(), [FAILED], 0, ("False", "LastFailed")),
        (care(), [FAILED], 1, ("False", "NeverBackedUp")),
        (care(), [backup(NIGHT, "Failed"), FAILED], 0, ("False", "NeverBackedUp")),
        (care(), [FAILED, backup(NOW + HOUR)], 0, ("True", "Healthy")),
        (care(), [backup(NIGHT), NOT_PROVEN], 0, ("False", "VerificationFailed")),
        (care(suspended=True), OLD, 0, ("Unknown", "Suspended")),
        (care(asleep=True), [*OLD, FAILED], 0, ("True", "Hibernated")),
        (care(asleep=True), [], 0, ("Unknown", "Hibernated")),
        (care(refusal=NO_PLACE), [backup(NIGHT)], 0, ("False", "NoDestination")),
        (care(schedule=None), OLD, 0, ("True", "NotScheduled")),
        (care(schedule=None), [], 0, ("Unknown", "NotScheduled")),
        (care(schedule=None), [FAILED], 0, ("False", "LastFailed")),
    ],
)
def test_how_a_store_is_protected(given: Care, backups: list[Backup], skipped: int, says: tuple[str, str]) -> None:
    told = health(given, Course(skipped=skipped), backups, NOW).told
    assert (told.status, told.reason) == says, told


def test_a_good_backup_grows_too_old_by_time_alone() -> None:
    backups = [backup(NIGHT)]
    before = health(care(), DUE, backups, NOW)
    assert before.until == NIGHT + 2 * DAY
    after = health(care(), DUE, backups, before.until)
    assert (before.told.reason, after.told.reason) == ("Healthy", "TooOld")
    assert after.until is None
    assert "more than 48 hours ago" in after.told.message


def test_of_a_frequent_schedule_nothing_is_too_old_within_the_hour() -> None:
    assert care(schedule=Schedule("*/5 * * * *")).limit == HOUR
    assert care(schedule=Schedule("0 */6 * * *")).limit == 12 * HOUR


def test_the_last_good_one_is_the_one_with_the_newest_contents() -> None:
    taken_late = backup(NIGHT + DAY, name="asked-first")
    going = backup(NIGHT + 2 * DAY, "Deleting")
    assert last_good([backup(NIGHT), taken_late, going, FAILED]) == taken_late
    assert last_good([FAILED]) is None


PLACE = {"s3": {"bucket": "backups"}, "secretName": "bucket"}
OWN = {"s3": {"bucket": "mine", "endpoint": "https://s3.example.com"}, "secretName": "mine"}


def cared(plan: dict[str, object] | None, backup: dict[str, object] | None = None, **spec: object) -> Care | None:
    """Of a store that a plan is in force for, as they say."""
    meta = {"name": "acme", "namespace": "tenants", "creationTimestamp": "2026-01-01T00:00:00Z"}
    store = {"metadata": meta, "spec": spec | ({"backup": backup} if backup else {}), "status": {"plan": "small"}}
    return care_of(store, {"metadata": {"name": "small"}, "spec": {"backup": plan} if plan else {}})


def test_what_a_store_says_goes_before_what_its_plan_says() -> None:
    plan = {"destination": PLACE, "schedule": "0 3 * * *", "timeZone": "Europe/Berlin", "staleHours": 30}
    found = cared(plan | {"retention": {"last": 9}})
    assert found
    assert (found.schedule, found.retention) == (Schedule("0 3 * * *", "Europe/Berlin"), Retention(last=9))
    assert (found.stale, found.refusal, found.suspended, found.asleep) == (30 * HOUR, None, False, False)
    own = cared(plan, {"schedule": "0 4 * * *", "timeZone": "UTC", "retention": {"daily": 1}, "suspend": True})
    assert own
    assert (own.schedule, own.retention, own.suspended) == (Schedule("0 4 * * *"), Retention(daily=1), True)
    assert own.running is None


def test_a_store_without_a_place_for_its_backups_is_told_so() -> None:
    for found, reason in (
        (cared({"schedule": "0 3 * * *"}), "NoDestination"),
        (cared(None, {"schedule": "0 3 * * *"}), "NoDestination"),
        (cared({"endpoints": ["https://s3.eu.example.com"]}, {"destination": OWN}), "EndpointNotAllowed"),
    ):
        assert found
        assert found.refusal
        assert (found.refusal.reason, found.running) == (reason, None)
    allowed = cared({"endpoints": ["https://s3.example.com"]}, {"destination": OWN})
    assert allowed
    assert (allowed.refusal, allowed.limit) == (None, None)


def test_nothing_is_told_of_a_store_that_nobody_wants_backed_up() -> None:
    assert cared(None) is None
    assert cared({"endpoints": ["*"], "byTenants": True}) is None
    assert cared({"destination": PLACE, "schedule": "0 3 * * *"}, engine={"remote": {"url": "http://chroma"}}) is None
    assert care_of({"metadata": {}, "spec": {"backup": {"schedule": "0 3 * * *"}}}, None) is None  # not accepted yet


def test_a_store_whose_plan_went_has_no_place_any_more() -> None:
    gone = care_of({"metadata": {}, "spec": {}, "status": {"plan": "small", "backup": {"count": 3}}}, None)
    assert gone
    assert gone.refusal
    assert gone.refusal.reason == "PlanNotFound"
