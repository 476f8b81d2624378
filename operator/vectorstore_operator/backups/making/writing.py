"""What is told of a backup: its status, and the Events of what changed in it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from vectorstore_operator.api.backup import BackupStatus
from vectorstore_operator.backups.known import Backup, backup
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.errors import Conflict
from vectorstore_operator.cluster.events import News
from vectorstore_operator.cluster.kinds import BACKUP
from vectorstore_operator.conditions import Told, before, stamped
from vectorstore_operator.objects import Object

log = logging.getLogger(__name__)

_TOLD = {"Running": "BackupStarted", "Completed": "BackupCompleted", "Failed": "BackupFailed"}
"""Phases that are worth an Event, and its reason."""
_KNOWN = frozenset(field.alias or name for name, field in BackupStatus.model_fields.items())


async def write(tools: Tools, seen: Backup, changes: Mapping[str, Any], told: Iterable[Told] = ()) -> Backup | None:
    """Writes what changes in a backup's status; returns the backup as it is then, None where it is gone.

    Args:
        tools: what is worked with.
        seen: as it was when this was decided.
        changes: fields as JSON; what is not among them stays.
        told: conditions, likewise.

    Raises:
        Conflict: it has changed since; look again.
    """
    live = await tools.cluster.get(BACKUP, *seen.key)
    if live is None or live["metadata"]["uid"] != seen.uid:
        return None
    if backup(live) != seen:
        raise Conflict(f"VectorStoreBackup {seen.key.name} has changed since it was looked at")
    status = changed(live, changes, told, datetime.now(UTC))
    if status == live.get("status"):
        return seen
    meta = {name: live["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
    body = {"apiVersion": BACKUP.api_version, "kind": BACKUP.name, "metadata": meta, "status": status}
    after = await tools.cluster.apply(body, "status")
    if news := news_of(live.get("status") or {}, status):
        log.info("%s/%s: %s: %s", seen.key.namespace, seen.key.name, news.reason, news.note)
        await tools.recorder.tell(live, news)
    return backup(after)


def changed(live: Object, changes: Mapping[str, Any], told: Iterable[Told], now: datetime) -> Object:
    """A status with what changes in it. Pure."""
    status = {name: value for name, value in (live.get("status") or {}).items() if name in _KNOWN}
    conditions = {one.type: one for type_ in ("Complete", "Verified") if (one := before(live, type_))}
    conditions |= {one.type: one for one in told}
    said = [one.model_dump(mode="json", by_alias=True) for one in stamped(live, conditions.values(), now)]
    generation = live["metadata"].get("generation", 0)
    return {**status, **changes, "observedGeneration": generation, "conditions": said}


def news_of(before: Object, after: Object) -> News | None:
    """The Event that a change of a status is worth. Pure."""
    phase = after.get("phase", "")
    if before.get("phase") == phase or phase not in _TOLD:
        return None
    said = [c for c in after["conditions"] if c["status"] == ("False" if phase == "Failed" else "True")]
    note = "; ".join(f"{c['reason']}: {c['message']}" if phase == "Failed" else c["message"] for c in said)
    return News(
        "Warning" if phase == "Failed" else "Normal", _TOLD[phase], note or f"to {after.get('destination', '')}"
    )
