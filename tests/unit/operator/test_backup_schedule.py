"""When schedules come: time zones, clocks that are changed, outages, and how far their times are apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore_operator.backups.schedules.schedule import MOST, Schedule

NIGHTLY = Schedule("30 2 * * *", "Europe/Berlin")
SPRING, AUTUMN = "2026-03-29", "2026-10-25"
"""In Berlin clocks go from 02:00 to 03:00 at 01:00 UTC, and from 03:00 to 02:00 at 01:00 UTC."""


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "comes"),
    [
        (NIGHTLY, "2026-01-10T01:29:59", "2026-01-10T01:30"),
        (NIGHTLY, "2026-01-10T01:30", "2026-01-11T01:30"),  # later than, not at
        (NIGHTLY, "2026-07-10T00:00", "2026-07-10T00:30"),
        (Schedule("0 0 * * *", "Asia/Tokyo"), "2026-06-10T00:00", "2026-06-10T15:00"),
        (Schedule("0 0 * * MON"), "2026-06-10T00:00", "2026-06-15T00:00"),
        (Schedule("0 0 31 * *"), "2026-06-10T00:00", "2026-07-31T00:00"),
    ],
)
def test_the_next_time_is_by_the_clocks_of_the_zone(schedule: Schedule, after: str, comes: str) -> None:
    assert schedule.after(moment(after)) == moment(comes)


def test_a_night_without_half_past_two_has_one_run_when_the_clocks_have_gone_on() -> None:
    runs = list(NIGHTLY.times(moment(f"{SPRING}T00:00"), moment("2026-03-30T12:00")))
    assert runs == [moment(f"{SPRING}T01:00"), moment("2026-03-30T00:30")]


def test_two_times_of_the_hour_that_is_left_out_are_one() -> None:
    assert list(
        Schedule("0 2,3 * * *", "Europe/Berlin").times(moment(f"{SPRING}T00:00"), moment(f"{SPRING}T20:00"))
    ) == [moment(f"{SPRING}T01:00")]


def test_a_night_with_half_past_two_twice_has_one_run_the_first_time() -> None:
    runs = list(NIGHTLY.times(moment(f"{AUTUMN}T00:00"), moment("2026-10-26T12:00")))
    assert runs == [moment(f"{AUTUMN}T00:30"), moment("2026-10-26T01:30")]


@pytest.mark.parametrize("minutes", range(0, 150, 5))
def test_who_looks_in_the_hour_that_comes_twice_is_told_of_nothing_before(minutes: int) -> None:
    now = moment(f"{AUTUMN}T00:00") + timedelta(minutes=minutes)
    comes = NIGHTLY.after(now)
    assert comes == (moment(f"{AUTUMN}T00:30") if minutes < 30 else moment("2026-10-26T01:30"))


def test_what_runs_every_half_hour_runs_in_both_of_the_hours_that_are_one() -> None:
    runs = list(Schedule("*/30 * * * *", "Europe/Berlin").times(moment(f"{AUTUMN}T00:00"), moment(f"{AUTUMN}T02:00")))
    assert runs == [moment(f"{AUTUMN}T{time}") for time in ("00:30", "01:00", "01:30", "02:00")]


CRONS = st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "15 4 * * 1-5", "0 2,3 * * *", "0 0 1 * *"])
MINUTES = st.integers(0, 3 * 24 * 60)


@given(CRONS, MINUTES, MINUTES)
def test_the_latest_is_the_last_of_all(cron: str, start: int, length: int) -> None:
    """Over both nights in which clocks change."""
    schedule = Schedule(cron, "Europe/Berlin")
    for day in (SPRING, AUTUMN):
        after = moment(f"{day}T00:00") - timedelta(days=2) + timedelta(minutes=start)
        until = after + timedelta(minutes=length)
        times = list(schedule.times(after, until))
        assert times == sorted(set(times))
        assert schedule.latest(after, until) == (times[-1] if times else None)


def test_an_outage_of_years_costs_no_more_than_a_count_of_the_first_thousand() -> None:
    schedule, now = Schedule("* * * * *"), moment("2026-06-10T12:00:30")
    assert schedule.latest(now - timedelta(days=3000), now) == moment("2026-06-10T12:00")
    assert schedule.count(now - timedelta(days=3000), now) == MOST


@pytest.mark.parametrize(
    ("cron", "pace"),
    [
        ("30 2 * * *", timedelta(days=1)),
        ("*/5 * * * *", timedelta(minutes=5)),
        ("0 3 * * 1-5", timedelta(days=3)),  # over the weekend
        ("*/5 8-18 * * 1-5", timedelta(days=2, hours=13, minutes=5)),
        ("0 0 1 * *", timedelta(days=31)),
        ("0 0 29 2 *", timedelta(days=1461)),
    ],
)
def test_the_pace_is_the_longest_time_between_two_runs(cron: str, pace: timedelta) -> None:
    assert Schedule(cron).pace == pace
