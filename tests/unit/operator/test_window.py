"""When maintenance windows are open: midnight, time zones, and clocks that are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from vectorstore_operator.api.plan_rollout import Maintenance
from vectorstore_operator.rollout.window import ALWAYS, Opening, opening

NIGHT = {"start": "22:00", "hours": 4}
SATURDAY = {"days": ["Sat"], "start": "22:00", "hours": 4}
BERLIN = {"start": "02:30", "hours": 2, "timeZone": "Europe/Berlin"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def windows(*given: dict[str, Any]) -> Maintenance:
    return Maintenance.model_validate({"windows": list(given)})


def test_without_windows_it_is_always_open() -> None:
    assert opening(None, moment("2026-01-01T00:00")) == ALWAYS


@pytest.mark.parametrize(
    ("window", "now", "is_open", "until"),
    [
        (NIGHT, "2026-06-10T21:59:59", False, "2026-06-10T22:00"),
        (NIGHT, "2026-06-10T22:00", True, "2026-06-11T02:00"),
        (NIGHT, "2026-06-11T01:59:59", True, "2026-06-11T02:00"),  # over midnight
        (NIGHT, "2026-06-11T02:00", False, "2026-06-11T22:00"),
        # 2026-06-13 is a Saturday: its window ends on Sunday, and Sunday has none.
        (SATURDAY, "2026-06-14T01:00", True, "2026-06-14T02:00"),
        (SATURDAY, "2026-06-14T22:30", False, "2026-06-20T22:00"),
        (SATURDAY, "2026-06-13T21:00", False, "2026-06-13T22:00"),
        # In Berlin it is 2 hours later than UTC in summer, 1 hour in winter.
        (BERLIN, "2026-07-01T00:29", False, "2026-07-01T00:30"),
        (BERLIN, "2026-07-01T00:30", True, "2026-07-01T02:30"),
        (BERLIN, "2026-01-10T00:31", False, "2026-01-10T01:30"),
        # 2026-03-29: clocks go from 02:00 to 03:00, and there is no 02:30.
        (BERLIN, "2026-03-29T01:29", False, "2026-03-29T01:30"),
        (BERLIN, "2026-03-29T03:29", True, "2026-03-29T03:30"),
        # 2026-10-25: clocks go from 03:00 back to 02:00; 02:30 comes twice, and the window lasts two hours.
        (BERLIN, "2026-10-25T00:30", True, "2026-10-25T02:30"),
        (BERLIN, "2026-10-25T02:30", False, "2026-10-26T01:30"),
        # A day of Tokyo's begins on the day before of UTC.
        (SATURDAY | {"start": "00:00", "timeZone": "Asia/Tokyo"}, "2026-06-12T16:00", True, "2026-06-12T19:00"),
    ],
)
def test_a_window_opens_and_closes(window: dict[str, Any], now: str, is_open: bool, until: str) -> None:
    assert opening(windows(window), moment(now)) == Opening(is_open, moment(until))


def test_windows_that_touch_are_one() -> None:
    both = windows(NIGHT, {"start": "02:00", "hours": 1}, {"start": "12:00", "hours": 1})
    assert opening(both, moment("2026-06-10T23:00")) == Opening(True, moment("2026-06-11T03:00"))
    assert opening(both, moment("2026-06-11T03:00")) == Opening(False, moment("2026-06-11T12:00"))


def test_a_window_round_the_clock_is_open_for_all_the_days_that_are_looked_at() -> None:
    now = moment("2026-06-10T12:00")
    found = opening(windows({"start": "00:00", "hours": 24}), now)
    assert found.open
    assert found.until is not None
    assert (found.until - now).days >= 6


@pytest.mark.parametrize("zone", ["Mars/Base", "Europe", "/etc", "../UTC", ""])
def test_a_time_zone_that_there_is_not_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ValidationError) as caught:
        windows(NIGHT | {"timeZone": zone})
    (error,) = caught.value.errors()
    assert error["loc"] == ("windows", 0, "timeZone")
    assert error["input"] == zone


@pytest.mark.parametrize("change", [{"start": "24:00"}, {"start": "7:00"}, {"hours": 0}, {"hours": 25}, {"days": []}])
def test_what_is_no_window_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        windows(NIGHT | change)
