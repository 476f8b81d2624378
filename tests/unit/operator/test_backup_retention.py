"""Which backups go: the parts of a retention, their union, and what never goes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.shelved import backup

from vectorstore_operator.api.backup import Retention
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.schedules.retention import FAILED, in_use, surplus
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.objects import Object

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
"""A Wednesday."""


def daily(count: int) -> list[Backup]:
    """Backups of noon on as many days, the last of them at NOON."""
    return [backup(NOON - timedelta(days=age)) for age in reversed(range(count))]


def staying(backups: list[Backup], zone: str = "UTC", **parts: int) -> list[date]:
    """The days of what stays."""
    gone = surplus(backups, Retention.model_validate(parts), zone)
    assert gone == [b for b in backups if b in gone], "not the oldest first"
    return [b.taken.date() for b in backups if b.taken and b not in gone]


def test_without_a_retention_all_stay() -> None:
    assert surplus(daily(100), None, "UTC") == []
    assert surplus(daily(100), Retention(), "UTC") == []


@pytest.mark.parametrize(
    ("parts", "ages"),
    [
        ({"last": 3}, [0, 1, 2]),
        ({"daily": 2}, [0, 1]),
        ({"weekly": 3}, [0, 3, 10]),  # Wednesday, and the Sundays before
        ({"monthly": 3}, [0, 10, 41]),  # and the last days of May and April
        ({"last": 2, "weekly": 2, "monthly": 2}, [0, 1, 3, 10]),
        ({"last": 0}, [0]),  # the last good one
    ],
)
def test_each_part_keeps_its_own_and_all_of_them_together(parts: dict[str, int], ages: list[int]) -> None:
    assert staying(daily(60), **parts) == [(NOON - timedelta(days=age)).date() for age in reversed(ages)]


def test_of_a_day_the_newest_stays_and_days_are_the_zones() -> None:
    hours = [backup(datetime(2026, 6, 9, tzinfo=UTC) + timedelta(hours=hour)) for hour in range(48)]

    def hours_kept(zone: str) -> list[int]:
        gone = surplus(hours, Retention(daily=3), zone)
        return [index for index, each in enumerate(hours) if each not in gone]

    assert hours_kept("UTC") == [23, 47]
    assert hours_kept("Asia/Tokyo") == [14, 38, 47]  # whose days end at 15:00 UTC


def test_days_without_a_backup_do_not_count() -> None:
    backups = [backup(NOON - timedelta(days=age)) for age in (300, 200, 100)]
    assert surplus(backups, Retention(daily=2), "UTC") == backups[:1]


def test_only_what_a_schedule_made_and_what_is_done_with_goes() -> None:
    by_hand = backup(NOON - timedelta(days=9), scheduled=False)
    running = [backup(NOON - timedelta(days=day), phase) for day, phase in ((8, "Running"), (7, "Deleting"), (6, None))]
    old, new = daily(2)
    assert surplus([by_hand, *running, old, new], Retention(last=1), "UTC") == [old]


def test_failures_stay_until_a_later_one_is_good_and_never_take_the_place_of_good_ones() -> None:
    good, after = daily(4)[0], [backup(NOON - timedelta(hours=hours), "Failed") for hours in reversed(range(24))]
    assert surplus([good, *after], Retention(last=1), "UTC") == after[:-FAILED]
    healed = backup(NOON + timedelta(hours=1))
    assert surplus([good, *after, healed], Retention(last=1), "UTC") == [good, *after]


@pytest.mark.parametrize(
    ("phase", "spec", "used"),
    [
        ("Restoring", {"restore": {"request": "x", "backup": {"name": "monday"}}}, True),
        ("Waiting", {"restoreFrom": {"backup": {"name": "monday"}}}, True),
        ("Restoring", {}, True),  # asked for by a key
        ("Restored", {"restoreFrom": {"backup": {"name": "monday"}}}, False),
    ],
)
def test_what_a_store_is_being_restored_from_is_in_use(phase: str, spec: Object, used: bool) -> None:
    told = {"phase": phase, "source": "tenants/monday"}
    store = {"metadata": {"namespace": "tenants", "name": "acme"}, "spec": spec, "status": {"restore": told}}
    assert (Key("tenants", "monday") in in_use([store])) is used


MADE = st.lists(
    st.tuples(
        st.integers(0, 24 * 400), st.sampled_from(["Completed", "Completed", "Failed", "Running"]), st.booleans()
    ),
    max_size=60,
    unique_by=lambda one: one[0],
)
COUNTS = st.one_of(st.none(), st.integers(0, 8))


@given(MADE, COUNTS, COUNTS, COUNTS, COUNTS, st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]))
def test_what_stays_is_what_going_through_the_days_one_by_one_finds(
    made: list[tuple[int, str, bool]],
    last: int | None,
    daily: int | None,
    weekly: int | None,
    monthly: int | None,
    zone: str,
) -> None:
    backups = [backup(NOON - timedelta(hours=h), phase, scheduled=by_schedule) for h, phase, by_schedule in made]
    retention = Retention(last=last, daily=daily, weekly=weekly, monthly=monthly)
    gone = {b.uid for b in surplus(backups, retention, zone)}
    good = sorted((b for b in backups if b.scheduled and b.good), key=lambda b: b.taken or NOON)
    if all(part is None for part in (last, daily, weekly, monthly)):
        assert not gone
        return
    wanted = {b.uid for b in good[-1:]} | {b.uid for b in good[len(good) - min(last or 0, len(good)) :]}
    for count, pattern in ((daily, "%Y-%m-%d"), (weekly, "%G-%V"), (monthly, "%Y-%m")):
        texts = [b.taken.astimezone(ZoneInfo(zone)).strftime(pattern) for b in good if b.taken]
        for span in sorted(set(texts))[::-1][: count or 0]:
            wanted.add(good[len(texts) - 1 - texts[::-1].index(span)].uid)
    assert {b.uid for b in good} - gone == wanted
    assert not gone & {b.uid for b in backups if not b.scheduled or b.phase == "Running"}
