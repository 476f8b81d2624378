"""When a schedule's times come: cron, by the clocks of a time zone. Pure.

What runs at a time of the day keeps to one run a day: at 02:30, say, in the night in which there is none it runs when
the clocks have gone on, and in the one that has it twice, the first time, as cron does:
https://manpages.debian.org/cron#NOTES. What runs each so many minutes or hours goes by the hours that pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim

MOST = 1000
"""Times that are counted: after years away more would tell nothing."""
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_RUNS, _WEEK = 13, timedelta(days=7)
"""What the pace of a schedule shows in: so many runs, and a week of them."""


@dataclass(frozen=True)
class Schedule:
    """Five fields of cron, and the name of a time zone."""

    cron: str
    zone: str = "UTC"

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than this, in UTC; None where none ever comes."""
        return next(self._from(moment), None)

    def times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Its times later than the one and not later than the other, the first ones first."""
        for time in self._from(after):
            if time > until:
                return
            yield time

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last of them; None where there is none. Looks at a few, however many there are."""
        span = timedelta(minutes=1)
        while (begin := max(after, until - span)) > after:
            if found := list(self.times(begin, until)):
                return found[-1]
            span *= 2
        return max(self.times(after, until), default=None)

    def count(self, after: datetime, until: datetime) -> int:
        """How many they are, counted up to `MOST`."""
        return sum(1 for _ in islice(self.times(after, until), MOST))

    @property
    def pace(self) -> timedelta:
        """The longest time from one run to the next."""
        return _pace(self.cron)

    def _from(self, moment: datetime) -> Iterator[datetime]:
        last = moment.astimezone(UTC)
        for local in CronSim(self.cron, last.astimezone(ZoneInfo(self.zone))):
            time = local.astimezone(UTC)
            if time > last:  # the hour that comes twice brings what was before, the one that is left out the same twice
                last = time
                yield time


@lru_cache(maxsize=4096)
def _pace(cron: str) -> timedelta:
    runs: list[datetime] = []
    for run in CronSim(cron, _MONDAY):
        runs.append(run)
        if len(runs) >= _RUNS and run - runs[0] >= _WEEK:
            break
    return max((later - sooner for sooner, later in pairwise(runs)), default=timedelta(0))
