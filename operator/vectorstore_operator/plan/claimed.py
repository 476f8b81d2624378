"""The volume of a store as its live objects tell of it, and what to tell of it in the status. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vectorstore_operator import names, times
from vectorstore_operator.api.storage import StorageStatus
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan.resolved import Resolved
from vectorstore_operator.plan.volume import StorageClass, Volume
from vectorstore_operator.quantity import from_bytes, to_bytes
from vectorstore_operator.refusal import Refusal

PROVISIONER = "volume.kubernetes.io/storage-provisioner"
"""Annotation of claims whose volume was made for them: by which driver."""


@dataclass(frozen=True)
class Around:
    """What is known beside the store's own objects."""

    classes: tuple[StorageClass, ...] | None = None
    """The cluster's StorageClasses; None = not known."""
    driver: str | None = None
    """What provides the volume, where its claim does not say."""
    used: int | None = None
    """Bytes of the store's files."""
    now: datetime | None = None


def volume_of(store: Object, children: Children, around: Around) -> Volume:
    """The volume of a store: what its first claim says, else what its pods' template does."""
    status = store.get("status") or {}
    told = status.get("storage") or {}
    name = names.claim(store["metadata"]["name"], 0)
    claim = children.get(("PersistentVolumeClaim", name)) or _template(store, children)
    capacity = (claim.get("status") or {}).get("capacity", {}).get("storage")
    return Volume(
        name=name,
        claimed=size_of(claim) if claim else None,
        capacity=to_bytes(capacity) if capacity else None,
        used=around.used if around.used is not None else status.get("bytes"),
        class_name=claim["spec"].get("storageClassName") if claim else None,
        driver=provisioner(claim) or around.driver,
        requested=to_bytes(told["requested"]) if "requested" in told else None,
        grown=datetime.fromisoformat(told["grownAt"]) if "grownAt" in told else None,
        now=around.now,
        classes=around.classes,
    )


def size_of(claim: Mapping[str, Any]) -> int:
    """Bytes that a claim, or a template of one, asks for."""
    return to_bytes(claim["spec"]["resources"]["requests"]["storage"])


def provisioner(claim: Object) -> str | None:
    """The driver that made a claim's volume; None where somebody else did."""
    found = (claim.get("metadata", {}).get("annotations") or {}).get(PROVISIONER)
    return str(found) if found else None


def taken(claim: Object, uid: str) -> Refusal | None:
    """Why a claim that was there before a store cannot be its; None if it can."""
    others = [one for one in claim["metadata"].get("ownerReferences") or () if one["uid"] != uid]
    name = claim["metadata"]["name"]
    if "deletionTimestamp" in claim["metadata"] or any(one["kind"] == "VectorStore" for one in others):
        return Refusal(
            "NameConflict",
            f"PersistentVolumeClaim {name}: is being deleted, with its data; it goes by itself in a moment",
        )
    for one in others:
        return Refusal(
            "NameConflict",
            f"PersistentVolumeClaim {name}: exists and belongs to {one['kind']} {one['name']}; delete or rename "
            "it, or give the store another name",
        )
    return None


def storage_status(
    store: Object, verdict: Resolved | Refusal, children: Children, now: datetime
) -> StorageStatus | None:
    """The volume there is, for the status: of a refused store what it has, and what was told of it."""
    before = (store.get("status") or {}).get("storage") or {}
    claim = children.get(("PersistentVolumeClaim", names.claim(store["metadata"]["name"], 0))) or {}
    requested, grown_at = before.get("requested"), before.get("grownAt")
    if isinstance(verdict, Resolved):
        asked = verdict.spec.storage.size if verdict.spec.storage else None
        most = max(to_bytes(size) for size in (asked, requested, "0") if size)
        requested = from_bytes(most) if most else None
        if claim and size_of(claim) > (verdict.growth.volume.claimed or size_of(claim)):
            grown_at = times.time(now)
    found = StorageStatus(
        size=claim["spec"]["resources"]["requests"]["storage"] if claim else None,
        capacity=(claim.get("status") or {}).get("capacity", {}).get("storage"),
        requested=requested,
        grown_at=grown_at,
    )
    return found if found != StorageStatus() else None


def _template(store: Object, children: Children) -> Object:
    live = children.get(("StatefulSet", store["metadata"]["name"]), {})
    return next(iter(live.get("spec", {}).get("volumeClaimTemplates") or ()), {})
