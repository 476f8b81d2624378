"""How a store is to be backed up: what it says itself, and what its plan says where it says nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from vectorstore_operator.api.backup import PlanBackup, Retention, StoreBackup
from vectorstore_operator.backups.known import BEGINNING, moment
from vectorstore_operator.backups.schedules.schedule import Schedule
from vectorstore_operator.objects import Object
from vectorstore_operator.plan.backup import place_by
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
    """How a store is to be backed up; None where neither it nor its plan asks for that.

    Args:
        store: the VectorStore.
        plan: the plan in force; None where it is gone.
    """
    spec, status = store.get("spec") or {}, store.get("status") or {}
    if "plan" not in status or (spec.get("engine") or {}).get("remote"):
        return None  # not accepted yet; or another server keeps the data, and has them backed up there
    own, given, wrong = _stated(spec, plan)
    asked = (own.schedule, own.destination, given.schedule, given.destination, given.stale_hours)
    if not any(asked) and not (wrong and status.get("backup")):
        return None
    place = wrong or place_by(own.destination, status["plan"], given)
    cron, zone = own.schedule or given.schedule, own.time_zone or given.time_zone
    return Care(
        created=moment(store["metadata"].get("creationTimestamp")) or BEGINNING,
        schedule=Schedule(cron, zone) if cron else None,
        suspended=bool(own.suspend),
        asleep=bool(spec.get("hibernated")),
        retention=own.retention or given.retention,
        zone=zone,
        stale=timedelta(hours=given.stale_hours) if given.stale_hours else None,
        refusal=place if isinstance(place, Refusal) else None,
    )


def _stated(spec: Object, plan: Object | None) -> tuple[StoreBackup, PlanBackup, Refusal | None]:
    """What a store and its plan say of backups; nothing where that cannot be read."""
    if plan is None:
        return (
            StoreBackup(),
            PlanBackup(),
            Refusal("PlanNotFound", "the VectorStorePlan in force is gone: see Accepted"),
        )
    given = (plan.get("spec") or {}).get("backup") or {}
    try:
        return StoreBackup.model_validate(spec.get("backup") or {}), PlanBackup.model_validate(given), None
    except ValidationError:
        wrong = Refusal("SpecInvalid", "spec.backup of the store or of its plan cannot be: see Accepted")
        return StoreBackup(), PlanBackup(), wrong
