"""How a store is protected: the condition BackupHealthy, and what its status tells of its backups. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vectorstore_operator import times
from vectorstore_operator.api.backup import ProtectionStatus
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.schedules.care import Care
from vectorstore_operator.backups.schedules.course import Course, counted, failed, last_good
from vectorstore_operator.backups.schedules.retention import made
from vectorstore_operator.conditions import Told, told
from vectorstore_operator.observe.backed import BACKUP_HEALTHY


@dataclass(frozen=True)
class Health:
    """What is told of a store."""

    protection: ProtectionStatus
    told: Told
    until: datetime | None = None
    """When it is told otherwise though nothing happens."""


def health(care: Care, course: Course, backups: Sequence[Backup], now: datetime) -> Health:
    """What is told of a store by its backups, the oldest first."""
    good = last_good(backups)
    missed = course.skipped + failed(backups, made(good)[0] if good else None)
    protection = ProtectionStatus(
        last_good=good.key.name if good else None,
        last_good_at=times.time(made(good)[0]) if good else None,
        next=times.time(course.next) if course.next else None,
        count=sum(not b.deleting and b.phase != "Deleting" for b in backups),
        scheduled=times.time(course.scheduled) if course.scheduled else None,
        missed=missed,
    )
    holds, reason, message = _held(care, good) or _judged(care, good, backups, missed, now)
    until = made(good)[0] + care.limit if good and care.limit else care.created + care.limit if care.limit else None
    return Health(protection, told(BACKUP_HEALTHY, holds, reason, message), until if until and until > now else None)


_Said = tuple[bool | None, str, str]


def _held(care: Care, good: Backup | None) -> _Said | None:
    """What is told of a store for which no backups are made."""
    if care.refusal:
        return False, care.refusal.reason, f"{care.refusal.message}; {_last(good)}"
    if care.asleep:
        wakes = "; the one whose time comes meanwhile is made when it wakes" if care.schedule else ""
        return True if good else None, "Hibernated", f"{_last(good)}, and nothing changes while the store sleeps{wakes}"
    if care.suspended:
        return None, "Suspended", f"spec.backup.suspend: true, so none is made by the schedule; {_last(good)}"
    return None


def _judged(care: Care, good: Backup | None, backups: Sequence[Backup], missed: int, now: datetime) -> _Said:
    failure, limit = _failure(backups), care.limit
    why = f"; {failure[1]}" if failure else f"; {counted(missed)}{' since' if good else ''}" if missed else ""
    if good is None:
        once = 1 if failure else 0  # the first that fails is told as that
        if missed > once or (care.schedule is None and limit and now >= care.created + limit):
            return False, "NeverBackedUp", f"{_last(good)}{why}"
    elif limit and now >= made(good)[0] + limit:
        return False, "TooOld", f"{_last(good)}, more than {_hours(limit)} ago{why}"
    if failure:
        return False, failure[0], f"{failure[1]}; {_last(good)}"
    if care.schedule is None and limit is None:
        return True if good else None, "NotScheduled", f"backups are made when somebody asks; {_last(good)}"
    if good is None:
        return None, "NeverBackedUp", _last(good)
    return True, "Healthy", _last(good)


def _last(good: Backup | None) -> str:
    if good is None:
        return "there is no good backup yet"
    proven = ", proven" if good.verified else ""
    return f"the last good backup is {good.key.name}, of {times.time(made(good)[0])}{proven}"


def _failure(backups: Sequence[Backup]) -> tuple[str, str] | None:
    """Why the newest that was done with is no good: a reason, and words."""
    last = max((b for b in backups if b.final and not b.deleting), key=made, default=None)
    if last is None or last.good:
        return None
    if last.verified is False:
        return "VerificationFailed", f"backup {last.key.name} was not proven: {last.verified_reason}"
    return "LastFailed", f"backup {last.key.name} failed: {last.complete_reason}"


def _hours(limit: timedelta) -> str:
    hours = limit / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours >= 2 else f"{limit / timedelta(minutes=1):.0f} minutes"
