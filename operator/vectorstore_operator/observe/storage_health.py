"""How a store's volumes are: the StorageHealthy condition. Pure.

What a driver says of a resize is in the claim's status:
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#recovering-from-failure-when-expanding-volumes
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vectorstore_operator.conditions import Told, told
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.claimed import size_of
from vectorstore_operator.plan.volume import Growth, cannot
from vectorstore_operator.quantity import from_bytes, to_bytes
from vectorstore_operator.refusal import Refusal

NEARLY_FULL = 85
"""Percent of a volume; maintenance and the next index need what is left."""

_FAILED = ("ControllerResizeError", "NodeResizeError")
"""Conditions of a claim whose driver could not make its volume larger."""


def volumes_told(claims: Iterable[Object], verdict: Resolved | Refusal) -> Told:
    """StorageHealthy, by the claims of a store's pods and by what it comes to."""
    if isinstance(verdict, Resolved) and verdict.remote:
        return told("StorageHealthy", True, "NoVolume", f"the engine at {verdict.remote.url} keeps the data")
    claims = list(claims)
    for claim in claims:
        for reason, message in _troubles(claim):
            return told("StorageHealthy", False, reason, f"claim {claim['metadata']['name']}: {message}")
    if not claims:
        return told("StorageHealthy", None, "NoClaims", "there are no volume claims yet")
    growth = verdict.growth if isinstance(verdict, Resolved) else None
    if growth and isinstance(verdict, Resolved) and (full := _nearly_full(growth, verdict)):
        return told("StorageHealthy", False, "NearlyFull", full)
    if growth and growth.wanted > growth.size:
        return told(
            "StorageHealthy",
            False,
            "CannotGrow",
            f"claim {growth.volume.name}: should grow from {from_bytes(growth.size)} to {from_bytes(growth.wanted)}, "
            f"and {cannot(growth.volume)}; change the class, or make another store and copy the collections",
        )
    return told("StorageHealthy", True, "Bound", f"every pod has its volume{_larger(verdict)}")


def _troubles(claim: Object) -> Iterator[tuple[str, str]]:
    status = claim.get("status") or {}
    phase = status.get("phase", "Pending")
    if claim["metadata"].get("deletionTimestamp"):
        yield "ClaimDeleted", "goes, with its data, when its pod ends"
    elif phase == "Lost":
        yield "VolumeLost", "its volume is gone; restore a backup"
    elif phase != "Bound":
        yield "ClaimPending", _pending(claim)
    else:
        yield from _resize(claim, status)


def _resize(claim: Object, status: Object) -> Iterator[tuple[str, str]]:
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    states = (status.get("allocatedResourceStatuses") or {}).values()
    size = from_bytes(size_of(claim))
    for failed in (conditions[kind] for kind in _FAILED if kind in conditions):
        why = failed.get("message") or failed["type"]
        yield "ResizeFailed", f"could not grow to {size}: {why}; see its events, the driver goes on trying"
    if any(state.endswith(("Infeasible", "Failed")) for state in states):
        yield "ResizeFailed", f"cannot grow to {size}, its driver says; see its events, and ask for a size it can give"
    if "FileSystemResizePending" in conditions:
        yield (
            "FileSystemResizePending",
            f"its volume has {size}, its file system not yet: the node sees to it, with some drivers only when the "
            "pod starts anew",
        )
    have = (status.get("capacity") or {}).get("storage")
    if have and to_bytes(have) < size_of(claim):
        yield "Growing", f"grows from {have} to {size}"


def _nearly_full(growth: Growth, verdict: Resolved) -> str | None:
    volume, auto = growth.volume, verdict.plan.spec.storage.auto_grow
    if not volume.capacity or volume.used is None:
        return None
    percent = volume.used * 100 // volume.capacity
    if percent < max(NEARLY_FULL, auto.threshold_percent if auto else 0):
        return None
    what = f"claim {volume.name}: {percent} % of {from_bytes(volume.capacity)} are used"
    free = "delete collections and compact"
    if growth.wait:
        return f"{what}; it grows by itself in {growth.wait / 60:.0f} minutes, or {free}"
    if not volume.may_grow(verdict.storage_class):
        return f"{what}, and {cannot(volume)}; {free}, or make another store with more and copy the collections"
    if auto:
        return f"{what}, and autoGrow.max of plan {verdict.plan.name} is {auto.max}; raise it or spec.storage.size"
    return f"{what}; raise spec.storage.size, or {free}"


def _larger(verdict: Resolved | Refusal) -> str:
    """Words on a volume that has more than the spec asks for: one that was there before, or that grew by itself."""
    if isinstance(verdict, Refusal) or not (wish := verdict.spec.storage) or not wish.size:
        return ""
    if verdict.storage <= to_bytes(wish.size):
        return ""
    have = from_bytes(verdict.storage)
    return f", of {have}: more than the {wish.size} of spec.storage.size, and volumes do not shrink"


def _pending(claim: Object) -> str:
    storage_class = claim["spec"].get("storageClassName")
    of = (
        f"of StorageClass {storage_class}"
        if storage_class
        else "and names no StorageClass; the cluster may have no default"
    )
    size = claim["spec"]["resources"]["requests"]["storage"]
    return f"waits for a volume of {size} {of}; see its events: kubectl describe pvc {claim['metadata']['name']}"
