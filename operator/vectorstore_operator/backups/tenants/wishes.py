"""What tenants ask for by their keys, as their instances show it, and what those are told of it. Pure.

An instance is the tenant's: what it says is believed as far as a tenant may go. A wish is for its own store alone, and
for backups that were made of it; how many there may be is kept here too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from vectorstore_operator import times
from vectorstore_operator.api import API_VERSION
from vectorstore_operator.backups.known import Backup, moment
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.kinds import BACKUP
from vectorstore_operator.names import ASKED_LABEL, STORE_LABEL
from vectorstore_operator.objects import Object

ID = re.compile(r"asked-[0-9]{14}-[0-9a-f]{8}")
"""What wishes are called, and the backups that are made for them."""
MOST = 8
"""Wishes of one store that are listened to."""
KEPT = 32
"""Backups of one store that were wished for and are there still."""
SHOWN = 200
"""Newest backups that an instance is told of."""
LATE = timedelta(hours=1)
"""How old a wish for a restore may be: what took its place meanwhile is not to be lost by surprise."""


@dataclass(frozen=True)
class Wish:
    """A backup or a restore that a holder of a key asked for."""

    id: str
    verb: Literal["backup", "restore"]
    asked: datetime
    verify: bool | None = None
    backup: str = ""
    """What is to be restored."""


def read(answer: object) -> tuple[Wish, ...]:
    """The wishes that an instance shows; what is none is left out."""
    shown = answer if isinstance(answer, list) else []
    return tuple(wish for each in shown[:MOST] if isinstance(each, dict) and (wish := _read(each)))


def _read(shown: Object) -> Wish | None:
    id_, verb, verify, backup = (shown.get(field) for field in ("id", "verb", "verify", "backup"))
    asked = shown.get("asked")
    when = moment(asked) if isinstance(asked, str) else None
    if not (isinstance(id_, str) and ID.fullmatch(id_)) or verb not in ("backup", "restore") or when is None:
        return None
    verify = verify if isinstance(verify, bool) else None
    return Wish(id_, verb, when, verify, backup if isinstance(backup, str) else "")


def allowed(plan: Object | None) -> bool:
    """Whether a plan lets holders of keys ask."""
    return bool((((plan or {}).get("spec") or {}).get("backup") or {}).get("byTenants"))


def wanted(key: Key, wish: Wish) -> Object:
    """The backup for a wish; its archive goes with it, as its owner may not see where that is."""
    return {
        "apiVersion": API_VERSION,
        "kind": BACKUP.name,
        "metadata": {
            "name": wish.id,
            "namespace": key.namespace,
            "labels": {ASKED_LABEL: "tenant", STORE_LABEL: key.name},
        },
        "spec": {"store": key.name, "deletionPolicy": "Delete"}
        | ({} if wish.verify is None else {"verify": wish.verify}),
    }


def own(store: Object, backups: Sequence[Backup]) -> list[Backup]:
    """Of all backups of a store's name those of this very store."""
    return [backup for backup in backups if backup.store_uid in (store["metadata"]["uid"], None)]


def refused(wish: Wish, store: Object, backups: Sequence[Backup], now: datetime) -> str | None:
    """Why a wish is not carried out; None where it is.

    Args:
        wish: what is asked, by a plan that allows it.
        store: the VectorStore.
        backups: its own.
        now: the moment.
    """
    others = [each for each in backups if ID.fullmatch(each.key.name) and each.key.name != wish.id]
    if wish.verb == "backup":
        if any(not each.final and not each.deleting for each in others):
            return "another one that was asked for is under way"
        if len(others) >= KEPT:
            return f"{KEPT} that were asked for are kept, and that is the most"
        return None
    found = next((each for each in backups if each.key.name == wish.backup), None)
    if found is None or not found.good or found.deleting or found.store_uid is None:
        return f"this store has no complete backup {wish.backup[:63]!r}"
    if late(wish, store, now):
        return "it was seen only after an hour, or after another restore; ask again if it is still wanted"
    return None


def late(wish: Wish, store: Object, now: datetime) -> bool:
    """Whether a restore that was not begun yet is not to be begun any more."""
    status = (store.get("status") or {}).get("restore") or {}
    if status.get("request") == wish.id:
        return False
    if wish.id in (status.get("former") or ()):
        return True
    finished = moment(status.get("finishedAt"))
    return now - wish.asked > LATE or (finished is not None and finished > wish.asked)


def told(store: Object, backups: Sequence[Backup], wishes: Sequence[Wish], refusals: dict[str, str]) -> Object:
    """What an instance is told: its store's backups, the oldest first, and how other wishes stand.

    Nothing of where backups are kept: that is the platform's own.
    """
    outcomes = [{"id": id_, "state": "failed", "message": why} for id_, why in refusals.items()]
    restore = (store.get("status") or {}).get("restore") or {}
    for wish in wishes:
        if wish.verb == "restore" and wish.id == restore.get("request") and restore.get("phase"):
            outcomes.append({"id": wish.id, "state": str(restore["phase"]).lower(), "message": _why(restore)})
    return {"backups": [_shown(each) for each in backups[-SHOWN:]], "outcomes": outcomes}


def _shown(backup: Backup) -> Object:
    state = "deleting" if backup.deleting else (backup.phase or "Pending").lower()
    fields = {
        "id": backup.key.name,
        "state": state,
        "taken": times.time(backup.taken) if backup.taken else None,
        "size": backup.size,
        "verified": times.time(backup.verified_at) if backup.verified_at else None,
        "message": _reason(backup) if state in ("failed", "pending") else None,
        "asked": ID.fullmatch(backup.key.name) is not None,
    }
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _reason(backup: Backup) -> str:
    return backup.verified_reason if backup.verified is False else backup.complete_reason


def _why(restore: Object) -> str:
    reason = restore.get("reason") or ""
    match restore["phase"]:
        case "Failed":
            return f"{reason}: the store holds what it held"
        case "Waiting":
            return str(reason)
        case _:
            return ""
