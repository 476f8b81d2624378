"""How far a store has come with its schedule, and whether its time has come. Pure.

What is remembered is what the store's status tells: an operator that begins goes on from there. A time that came while
nobody worked is made up for once, however many they were; the others are counted as missed, as are those at which the
backup before was still being made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from vectorstore_operator.api.backup import ProtectionStatus
from vectorstore_operator.backups.known import Backup, moment
from vectorstore_operator.backups.schedules.retention import made
from vectorstore_operator.backups.schedules.schedule import Schedule
from vectorstore_operator.objects import Object

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Course:
    """How far it has come."""

    next: datetime | None = None
    """When a backup is to be made next."""
    scheduled: datetime | None = None
    """The time of the schedule that was last carried out, or missed."""
    skipped: int = 0
    """Times since the last good backup at which none was made."""
    good: datetime | None = None
    """When that was taken."""

    @classmethod
    def told(cls, told: Object, backups: Sequence[Backup]) -> Course:
        """As a store's `status.backup` tells it."""
        try:
            status = ProtectionStatus.model_validate(told)
        except ValidationError:
            return cls()  # a later release told it
        good = moment(status.last_good_at)
        skipped = max(0, (status.missed or 0) - failed(backups, good))
        return cls(moment(status.next), moment(status.scheduled), skipped, good)

    def with_good(self, good: Backup | None) -> Course:
        """As it is with this last good backup: what was missed before is over."""
        now = made(good)[0] if good else None
        healed = now is not None and (self.good is None or now > self.good)
        return replace(self, good=now, skipped=0 if healed else self.skipped)


def failed(backups: Sequence[Backup], since: datetime | None) -> int:
    """How many times of a schedule came to nothing."""
    return sum(b.scheduled and b.phase == "Failed" and (since is None or made(b)[0] > since) for b in backups)


def last_good(backups: Sequence[Backup]) -> Backup | None:
    """The newest backup that is complete, and proven where it is to be."""
    return max((b for b in backups if b.good and not b.deleting), key=made, default=None)


def counted(missed: int) -> str:
    """Words on so many times."""
    return f"{'a time' if missed == 1 else f'{missed} times'} of the schedule brought no backup"


def named(store: str, due: datetime) -> str:
    """What the backup of a store for a time of its schedule is called."""
    return f"{store}-{due.astimezone(UTC):%Y%m%d%H%M}"


def turn(
    course: Course, schedule: Schedule | None, backups: Sequence[Backup], now: datetime, asleep: bool = False
) -> tuple[Course, datetime | None]:
    """The course from now on, and the time of the schedule for which a backup is to be made now.

    Args:
        course: as it was.
        schedule: None where there is none, or where it is held.
        backups: the store's.
        now: the moment.
        asleep: whether none can be made: the last time that comes meanwhile is made up for later.
    """
    if schedule is None:
        return replace(course, next=None), None
    if course.next is None or course.next > now:
        return replace(course, next=schedule.after(now)), None  # it is new, or another may be in force
    if asleep:
        return course, None
    before = course.next - _SECOND
    due = schedule.latest(before, now)
    coming = replace(course, next=schedule.after(now))
    if due is None:  # by the schedule that is in force now it was none
        return coming, None
    mine = [b for b in backups if b.scheduled]
    newest = max((b.created for b in mine), default=before)
    missed = max(0, schedule.count(max(before, newest), due) - 1)
    if newest >= due or any(b.key.name == named(b.store, due) for b in mine):
        # Made by an operator that could not tell of it any more.
        return replace(coming, scheduled=due, skipped=course.skipped), None
    if any(b.phase not in _DONE and not b.deleting for b in mine):
        return replace(coming, scheduled=due, skipped=course.skipped + missed + 1), None
    return replace(coming, scheduled=due, skipped=course.skipped + missed), due


_DONE = ("Completed", "Failed", "Deleting")
