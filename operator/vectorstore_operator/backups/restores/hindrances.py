"""What keeps a restore from beginning, as far as it is known before any Job runs: one question each. Pure.

What passes, or somebody may bring about, is waited for. In place nothing waits that the manifest itself refuses: who
raises a quota weeks later does not think of what was once to be brought back.
"""

from __future__ import annotations

from vectorstore_operator.backups.known import Backup, Shelf
from vectorstore_operator.backups.restores.step import UNDER_WAY, Ask, Hindrance, Port
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.objects import Object, paused
from vectorstore_operator.plan import Resolved
from vectorstore_operator.quantity import MI, from_bytes
from vectorstore_operator.refusal import Refusal

RESERVE = 8
"""One part in so many of a volume stays free at most, so that the store may be written to."""


def not_accepted(why: Refusal) -> Hindrance:
    """The store cannot be served as it is."""
    return Hindrance("NotAccepted", f"the store is not accepted: {why.message}")


def of_store(store: Object, wanted: Resolved) -> Hindrance | None:
    """What of the store itself is in the way.

    Args:
        store: the VectorStore.
        wanted: what it comes to.
    """
    if paused(store):
        return Hindrance("Paused", "spec.paused: true, so the store is left as it is; remove it")
    if wanted.hibernated:
        return Hindrance("Hibernated", "spec.hibernated: true, so no pod runs; remove it")
    if ((store.get("status") or {}).get("rollout") or {}).get("moving"):
        return Hindrance("Moving", "the store moves to another edition first; see UpdateAvailable")
    return None


def sought(ask: Ask, namespace: str, shelf: Shelf) -> Backup | Hindrance:
    """The backup that is asked for, if it may be restored here and is there as a whole.

    Args:
        ask: which names a backup.
        namespace: the store's.
        shelf: backups and grants.
    """
    wanted = ask.source.backup
    assert wanted is not None  # noqa: S101 - for whoever asks
    key = Key(wanted.namespace or namespace, wanted.name)
    granted = key.namespace == namespace or any(
        grant.allows(namespace, key.name) for grant in shelf.grants(key.namespace)
    )
    backup = shelf.get(key) if granted else None
    if backup is None or backup.deleting or backup.phase == "Deleting":
        return gone(ask, namespace)
    what = f"{ask.field}.backup.name: VectorStoreBackup {key.namespace}/{key.name}"
    if backup.phase == "Failed":
        return Hindrance("BackupFailed", f"{what} failed: {backup.complete_reason}; name another", final=True)
    if not backup.good or backup.store_uid is None:
        return Hindrance("BackupNotComplete", f"{what} is {backup.phase or 'Pending'}, and is waited for")
    return backup


def gone(ask: Ask, namespace: str) -> Hindrance:
    """The same words whether it is not there or not granted: nobody learns what another namespace has."""
    wanted = ask.source.backup
    assert wanted is not None  # noqa: S101 - for whoever asks
    where = wanted.namespace or namespace
    remedy = "make it" if where == namespace else "have it made, and a VectorStoreBackupGrant for it there"
    return Hindrance(
        "BackupNotFound",
        f"{ask.field}.backup.name: no VectorStoreBackup {wanted.name!r} in namespace {where} that stores of "
        f"{namespace} may be restored from; {remedy}",
    )


def of_contents(ask: Ask, store: Object, wanted: Resolved, told: Object) -> Hindrance | None:
    """Why the store cannot take what is in a backup.

    Args:
        ask: what is asked.
        store: the VectorStore.
        wanted: what it comes to.
        told: the backup's status; what that does not say is found out by the instance.
    """
    model, documents, size = told.get("model"), told.get("documents") or 0, told.get("bytes") or 0
    if model not in (None, wanted.model):
        return Hindrance(
            "WrongModel",
            f"spec.model: {wanted.model}, and the backup's vectors are of {model}, which do not compare; restore it "
            f"into a store of {model}",
            final=True,
        )
    if documents > wanted.documents:
        return Hindrance(
            "AboveQuota",
            f"spec.quota.documents: {wanted.documents}, and the backup has {documents}; raise it to that at least, or "
            "choose a larger plan",
            final=ask.in_place,
        )
    held = ((store.get("status") or {}).get("bytes") or 0) if ask.in_place else 0
    room = wanted.growth.volume.capacity or wanted.growth.size
    if size + held > room:
        need = -(-(size + held) * RESERVE // (RESERVE - 1) // MI) * MI
        beside = f" beside the {from_bytes(held)} that the store holds meanwhile" if held else ""
        return Hindrance(
            "VolumeTooSmall",
            f"spec.storage.size: the volume has {from_bytes(room)}, and the backup takes {from_bytes(size)}{beside}; "
            f"raise it to {from_bytes(need)} at least",
            final=ask.in_place,
        )
    return None


def of_port(ask: Ask, store: str, port: Port | None) -> Hindrance | None:
    """Why the leader cannot take an archive now.

    Args:
        ask: what is asked.
        store: the store's name.
        port: what the leader says; None where it does not answer.
    """
    if port is None:
        return Hindrance("StoreNotUp", f"pod {store}-0 does not answer yet; see Ready")
    if port.phase in UNDER_WAY:
        return Hindrance("Busy", f"pod {store}-0 takes another archive at the moment")
    if port.phase == "unknown":
        return Hindrance(
            "VersionTooOld", f"pod {store}-0 is of a version without restores; set spec.version to a later"
        )
    if not ask.in_place and port.phase != "waiting":
        return Hindrance(
            "StoreHoldsData",
            f"the volume that was there, claim data-{store}-0, holds data, and the store serves them; to give them up "
            "for the backup, ask with spec.restore",
            final=True,
        )
    return None
