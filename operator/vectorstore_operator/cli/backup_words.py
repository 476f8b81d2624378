"""A backup or a restore of a cluster in words: for the table, for scripts, for who waits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vectorstore_operator.cli.show import age, amount
from vectorstore_operator.cli.words import seen
from vectorstore_operator.conditions import condition
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object

STEPS = ("Pending", "Running", "Verifying", "Completed")
RESTORE_STEPS = ("Waiting", "Restoring", "Restored")


def summary(backup: Object) -> dict[str, Any]:
    """A backup as `backups` shows it."""
    meta, spec, status = backup["metadata"], backup.get("spec") or {}, backup.get("status") or {}
    told = _deciding(backup)
    return {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "resource": f"vectorstorebackup.vectorstore.dev/{meta['name']}",
        "store": spec.get("store"),
        "phase": "Deleting" if "deletionTimestamp" in meta else status.get("phase") or "Pending",
        "reason": told.get("reason"),
        "message": told.get("message"),
        "taken": status.get("takenAt"),
        "documents": status.get("documents"),
        "size": status.get("size"),
        "verified": (status.get("verified") or {}).get("at"),
        "encrypted": status.get("encrypted"),
        "destination": status.get("destination"),
        "object": status.get("object"),
        "created": meta.get("creationTimestamp"),
    }


def row(shown: Mapping[str, Any], now: datetime) -> dict[str, str | None]:
    """What stands in a table instead of a backup's fields; of one that failed or waits also why."""
    why = f" ({shown['reason']})" if shown["phase"] in ("Failed", "Pending") and shown["reason"] else ""
    return {"told": f"{shown['phase']}{why}", "amount": amount(shown["size"]), "age": age(shown["created"], now)}


def progress(backup: Object) -> tuple[int, int, str]:
    """How far a backup is: steps done, steps in all, what is awaited."""
    name, phase = backup["metadata"]["name"], (backup.get("status") or {}).get("phase")
    if phase not in STEPS:
        return 0, len(STEPS) - 1, f"{name}: waiting for the operator"
    message = condition(backup, "Complete").get("message")
    return STEPS.index(phase), len(STEPS) - 1, f"{name}: {phase}{f': {message}' if message else ''}"


def is_made(backup: Object) -> bool:
    """Whether it is there and, where it was to be, proven.

    Raises:
        Problem: it failed, or it is there and did not hold.
    """
    name, phase = backup["metadata"]["name"], (backup.get("status") or {}).get("phase")
    if phase == "Failed":
        why = _deciding(backup)
        what = f"{name} is made, and could not be proven" if why.get("type") == "Verified" else name
        raise Problem(f"{what}: {why.get('message')} ({why.get('reason')})")
    return phase == "Completed" and seen(backup)


def _deciding(backup: Object) -> Object:
    """The condition that says why it stands as it does: one that was made may not have been proven."""
    proven = condition(backup, "Verified")
    return proven if proven.get("status") == "False" else condition(backup, "Complete")


def made(backup: Object) -> str:
    """What one that is there holds."""
    status = backup["status"]
    waited = round((status.get("pauseSeconds") or 0) * 1000)
    told = f"{status.get('documents')} documents, {amount(status.get('size'))}; writes waited {waited} ms"
    if proven := status.get("verified"):
        told += f"; proven: {proven['documents']} documents compared, {proven['questions']} questions"
    return told


def restoring(store: Object) -> tuple[int, int, str]:
    """How far a store's restore is: steps done, steps in all, what is awaited."""
    name, status = store["metadata"]["name"], (store.get("status") or {}).get("restore") or {}
    steps = len(RESTORE_STEPS) - 1
    if not seen(store) or status.get("phase") not in RESTORE_STEPS:
        return 0, steps, f"{name}: waiting for the operator"
    message = status.get("message")
    return RESTORE_STEPS.index(status["phase"]), steps, f"{name}: {status['phase']}{f': {message}' if message else ''}"


def is_restored(store: Object, request: str) -> bool:
    """Whether this request was carried out.

    Raises:
        Problem: it failed; the store holds what it held.
    """
    status = (store.get("status") or {}).get("restore") or {}
    if status.get("request") != request:
        return False
    if status.get("phase") == "Failed":
        raise Problem(f"{store['metadata']['name']}: {status.get('message')} ({status.get('reason')})")
    return bool(status.get("phase") == "Restored")
