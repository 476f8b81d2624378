"""What changed from one status to the next, as Events: told once, never again while it stays so. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from vectorstore_operator.cluster.events import News
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.backed import BACKUP_HEALTHY
from vectorstore_operator.observe.health import HIBERNATED
from vectorstore_operator.observe.rolled import UPDATE_AVAILABLE

TOLD = ("Accepted", BACKUP_HEALTHY, "Ready")
"""The conditions whose changes are worth an Event."""
TAKEN_BACK = ("RolledBack", "CheckpointFailed")
"""Reasons of UpdateAvailable that are."""


def transitions(before: Object, after: Object) -> Iterator[News]:
    """What changed from one status to the next: bad news at once, good news after bad or when first ready."""
    old = {c["type"]: c for c in before.get("conditions", ())}
    for now in after.get("conditions", ()):
        was = old.get(now["type"])
        if now["type"] not in TOLD or (was and (was["status"], was["reason"]) == (now["status"], now["reason"])):
            continue
        if now["type"] == BACKUP_HEALTHY and now["status"] == "Unknown":
            continue  # nobody wants any at the moment, or the first one is still to come
        good = now["status"] == "True"
        changed = was is not None and was["status"] != now["status"]
        if good and (changed or now["type"] == "Ready"):
            yield News("Normal", now["reason"], now["message"])
        if not good and (changed or now["type"] == "Accepted"):
            yield News("Normal" if now["reason"] == HIBERNATED else "Warning", now["reason"], now["message"])
    yield from of_version(before, after)
    yield from of_keys(before.get("keys") or {}, after.get("keys") or {}, after.get("secret"))
    yield from of_restore(before.get("restore") or {}, after.get("restore") or {})


def of_restore(old: Object, now: Object) -> Iterator[News]:
    """What became of a restore: what it waits for, that it begins, and its end."""
    if (phase := now.get("phase")) is None or _stage(old) == _stage(now):
        return
    about = ": ".join(filter(None, (now.get("source"), now.get("message"))))
    match phase:
        case "Waiting":
            yield News("Normal", "RestoreWaits", about)
        case "Restoring":
            yield News("Normal", "RestoreBegins", about)
        case "Restored":
            yield News("Normal", "Restored", f"{about}: {now.get('documents') or 0} documents are as they were")
        case "Failed":
            yield News("Warning", "RestoreFailed", about)


def _stage(restore: Object) -> tuple[object, ...]:
    waits = restore.get("reason") if restore.get("phase") == "Waiting" else None
    return restore.get("phase"), restore.get("request"), restore.get("attempts"), waits


def of_version(before: Object, after: Object) -> Iterator[News]:
    """What became of a move to another version or another edition of the plan."""
    old, now = (_told(status, UPDATE_AVAILABLE) for status in (before, after))
    if now.get("reason") in TAKEN_BACK and old.get("reason") != now["reason"]:
        yield News("Warning", now["reason"], now["message"])
    was, runs = before.get("version"), after.get("version")
    if was and runs and was != runs:
        yield News("Normal", "VersionChanged", f"version {was} to {runs}: all pods answer")


def _told(status: Object, type_: str) -> Object:
    return next((c for c in status.get("conditions", ()) if c["type"] == type_), {})


def of_keys(old: Object, now: Object, secret: str | None) -> Iterator[News]:
    """What became of a store's keys; the first that is told of them is no news."""
    if not old or not now:
        return
    until, source = now.get("formerValidUntil"), now.get("secretName")
    former = f"those made before are valid until {until}" if until else "those made before are void"
    if now.get("revoke") != old.get("revoke"):
        yield News("Normal", "CredentialsRevoked", f"new keys are in Secret {secret}; {former}")
    elif source != old.get("secretName"):
        taken = f"taken from Secret {source}" if source else "looked after by the operator again"
        yield News("Normal", "CredentialsReplaced", f"keys are {taken}; {former}")
    elif now.get("rotatedAt") != old.get("rotatedAt"):
        yield News("Normal", "CredentialsRotated", f"new keys are in Secret {secret}; {former}")
    elif old.get("formerValidUntil") and not until:
        yield News("Normal", "CredentialsExpired", "the former keys are not valid any more")
