"""Maintenance windows: whether moves may begin, and until when that holds. Pure.

A window opens by the clocks of its time zone and stays open for so many hours, whatever the clocks do
meanwhile. In the hour that a spring takes away it opens when the clocks have gone on, and in the one that
an autumn gives twice, the first time: https://docs.python.org/3/library/datetime.html#datetime.datetime.fold
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from vectorstore_operator.api.plan_rollout import Day, Maintenance, Window

DAYS = get_args(Day)
"""By `datetime.weekday`."""


@dataclass(frozen=True)
class Opening:
    """Whether moves may begin."""

    open: bool
    until: datetime | None = None
    """When it opens or closes next; None = never."""


ALWAYS = Opening(True)


def opening(maintenance: Maintenance | None, now: datetime) -> Opening:
    """Whether moves may begin now; windows that touch each other are one."""
    if maintenance is None:
        return ALWAYS
    spans = [span for window in maintenance.windows for span in _spans(window, now)]
    closes = now
    while later := [end for start, end in spans if start <= closes < end]:
        closes = max(later)
    if closes > now:
        return Opening(True, closes)
    return Opening(False, min(start for start, _ in spans if start > now))


def _spans(window: Window, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When it is open, from yesterday's opening, which may last over midnight, to that of this day next week."""
    zone = ZoneInfo(window.time_zone)
    today, start = now.astimezone(zone).date(), time.fromisoformat(window.start)
    for offset in range(-1, 8):
        day = today + timedelta(days=offset)
        if window.days is None or DAYS[day.weekday()] in window.days:
            opens = datetime.combine(day, start, zone).astimezone(UTC)
            yield opens, opens + timedelta(hours=window.hours)
