"""How a store is to be backed up: what it says itself, and what its plan says where it says nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from vectorstore_operator.api.backup import PlanBackup, Retention, StoreBackup
from vectorstore_operator.backups.known import BEGINNING, moment
from vectorstore_operator.backups.schedule import Schedule
from vectorstore_operator.objects import Object
from vectorstore_operator.refusal import Refusal

LEAST = timedelta(hours=1)
"""Nothing is too old before: a backup takes its time."""


@dataclass(frozen=True)
class Care:
    """What is to be done for a store."""

    created: datetime
    """When the store was made."""
    schedule: Schedule | None
    suspended: bool
    asleep: bool
    """Whether no pods are wanted."""
    retention: Retention | None
    zone: str
    stale: timedelta | None
    """How old the last good backup may become, if that is said."""
    refusal: Refusal | None
    """Why it cannot be backed up."""

    @property
    def running(self) -> Schedule | None:
        """The schedule, unless it is held or comes to nothing."""
        return None if self.suspended or self.refusal else self.schedule

    @property
    def limit(self) -> timedelta | None:
        """How old the last good backup may become: twice the schedule's pace, where nothing is said."""
        if self.stale is None and self.schedule is not None:
            return max(LEAST, 2 * self.schedule.pace)
        return self.stale


def care_of(store: Object, plan: Object | None) -> Care | None:
    """How a store is to be backed up; None where neither it nor its plan says anything of that.

    Args:
        store: the VectorStore.
        plan: the plan in force, if it is there.
    """
    spec = store.get("spec") or {}
    asked, given = spec.get("backup"), ((plan or {}).get("spec") or {}).get("backup")
    if "engine" in spec or (asked is None and given is None):
        return None  # what an engine elsewhere keeps is backed up there
    refusal: Refusal | None = None
    try:
        own, planned = StoreBackup.model_validate(asked or {}), PlanBackup.model_validate(given or {})
    except ValidationError:
        own, planned = StoreBackup(), PlanBackup()
        refusal = Refusal("SpecInvalid", "")
    cron, zone = own.schedule or planned.schedule, own.time_zone or planned.time_zone
    return Care(
        created=moment(store["metadata"].get("creationTimestamp")) or BEGINNING,
        schedule=Schedule(cron, zone) if cron else None,
        suspended=bool(own.suspend),
        asleep=bool(spec.get("hibernated")),
        retention=own.retention or planned.retention,
        zone=zone,
        stale=timedelta(hours=planned.stale_hours) if planned.stale_hours else None,
        refusal=refusal,
    )
