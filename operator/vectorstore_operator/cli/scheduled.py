"""How a store of this machine is backed up by itself: by the words of its manifest and plan, as in a cluster. Pure.

What was done is seen in the place where the backups are, and nowhere else: those that a schedule made bear its time in
their names. What is due is therefore made up for after the machine was off, and never made twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vectorstore_instance.backup.result import Info
from vectorstore_operator import times
from vectorstore_operator.api.backup import PlanBackup, Retention, StoreBackup
from vectorstore_operator.backups.known import Backup, backup
from vectorstore_operator.backups.schedules import retention, schedule
from vectorstore_operator.local.wanted import Record
from vectorstore_operator.names import SCHEDULED_LABEL
from vectorstore_operator.objects import Object

_TIME = "%Y%m%d%H%M"


@dataclass(frozen=True)
class Care:
    """What is to be done for a store."""

    schedule: schedule.Schedule | None
    """None where there is none, or it is suspended."""
    retention: Retention | None
    zone: str
    verify: bool
    asked: bool
    """Whether holders of its keys may ask."""


def care_of(record: Record) -> Care:
    """As the store says, or else its plan."""
    own, plan = record.spec.backup or StoreBackup(), record.plan_spec.backup or PlanBackup()
    cron, zone = own.schedule or plan.schedule, own.time_zone or plan.time_zone
    return Care(
        schedule=schedule.Schedule(cron, zone) if cron and not own.suspend else None,
        retention=own.retention or plan.retention,
        zone=zone,
        verify=plan.verify if own.verify is None else own.verify,
        asked=plan.by_tenants,
    )


def due(care: Care, name: str, found: Sequence[Info], since: datetime, now: datetime) -> str | None:
    """What the backup is called whose time has come; None where none is due.

    Args:
        care: of the store.
        name: the store's.
        found: its backups.
        since: when it was made: the times before were none of its own.
        now: the moment.
    """
    if care.schedule is None:
        return None
    made = [time for info in found if (time := time_of(name, info.name))]
    time = care.schedule.latest(max([since, *made]), now)
    return f"{name}-{time.astimezone(UTC):{_TIME}}" if time else None


def unproven(care: Care, name: str, found: Sequence[Info]) -> str | None:
    """The newest backup that a schedule made, where its proof is still to come: it failed, or was cut short."""
    ours = [info for info in found if time_of(name, info.name)]
    newest = max(ours, key=lambda info: info.taken, default=None)
    return newest.name if care.schedule and care.verify and newest and newest.verified is None else None


def time_of(name: str, called: str) -> datetime | None:
    """Which time of a schedule a backup is of; None where none made it."""
    found = re.fullmatch(rf"{re.escape(name)}-([0-9]{{12}})", called)
    try:
        return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def surplus(care: Care, name: str, found: Sequence[Info]) -> tuple[str, ...]:
    """Names of the backups that no part of the retention keeps, the oldest first."""
    known_ = [known(info, scheduled=time_of(name, info.name) is not None, proven=care.verify) for info in found]
    return tuple(each.key.name for each in retention.surplus(known_, care.retention, care.zone))


def known(info: Info, *, scheduled: bool, proven: bool = False) -> Backup:
    """A backup as the rules of a cluster know it.

    Args:
        info: its description.
        scheduled: whether a schedule made it.
        proven: whether it is good only if it was proven.
    """
    good = info.verified is not None or not proven
    verified = {"verified": {"at": times.time(info.verified.at)}} if info.verified else {}
    head = {"namespace": info.namespace, "name": info.name, "uid": info.name}
    return backup(
        {
            "metadata": {
                **head,
                "creationTimestamp": times.time(info.taken),
                "labels": {SCHEDULED_LABEL: "true"} if scheduled else {},
            },
            "spec": {"store": info.store},
            "status": {
                "phase": "Completed" if good else "Failed",
                "storeUid": info.uid,
                "takenAt": times.time(info.taken),
                "completedAt": times.time(info.finished),
                "size": info.size,
                "conditions": [_complete(good)],
                **verified,
            },
        }
    )


def _complete(good: bool) -> Object:
    return {"type": "Complete", "status": "True" if good else "False", "reason": "Stored" if good else "NotProven"}
