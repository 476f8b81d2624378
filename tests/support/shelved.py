"""Backups as the operator knows them, and their objects."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from vectorstore_operator import names, times
from vectorstore_operator.backups import known
from vectorstore_operator.cluster.kinds import BACKUP
from vectorstore_operator.objects import Object

UID = "0b1c"
"""Of the store whose they are."""


def backup_object(
    taken: datetime,
    phase: str | None = "Completed",
    *,
    name: str | None = None,
    scheduled: bool = True,
    reason: str = "",
    **status: Any,
) -> Object:
    """A VectorStoreBackup of store `acme`, asked for a minute before its snapshot was taken.

    Args:
        taken: when.
        phase: where it stands.
        name: by default that of its time.
        scheduled: whether a schedule made it.
        reason: of what failed: of Verified where it begins with Verification, else of Complete.
        status: further fields, as in JSON.
    """
    done, failed = phase == "Completed", phase == "Failed"
    conditions = [
        {"type": "Complete", "status": "True" if done else "False", "reason": reason or "Stored", "message": reason}
    ]
    return {
        "apiVersion": BACKUP.api_version,
        "kind": BACKUP.name,
        "metadata": {
            "namespace": "tenants",
            "name": (name := name or f"acme-{taken:%Y%m%d%H%M%S}"),
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "creationTimestamp": times.time(taken - timedelta(minutes=1)),
            "labels": {names.SCHEDULED_LABEL: "true"} if scheduled else {},
        },
        "spec": {"store": "acme", "deletionPolicy": "Delete"},
        "status": {
            "phase": phase,
            "storeUid": UID,
            **({"takenAt": times.time(taken)} if done else {}),
            **({"completedAt": times.time(taken + timedelta(minutes=1))} if done or failed else {}),
            "conditions": conditions if done or failed else [],
        }
        | status
        if phase
        else {},
    }


def backup(taken: datetime, phase: str | None = "Completed", **given: Any) -> known.Backup:
    """What the operator keeps of it."""
    return known.backup(backup_object(taken, phase, **given))
