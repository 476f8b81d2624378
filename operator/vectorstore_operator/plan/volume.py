"""The volume a store has, and what may become of it. Pure.

It grows when its store asks for more or, where the plan says so, by itself; it never shrinks, as no
driver can do that. A network file system is refused: SQLite's write-ahead log needs memory that all
who use the file share, https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vectorstore_operator.api.storage import AutoGrow, PlanStorage, Storage
from vectorstore_operator.quantity import from_bytes, to_bytes
from vectorstore_operator.refusal import Refusal

EVERY = timedelta(hours=6)
"""Between two automatic steps. Amazon's volumes take no second change earlier:
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modify-volume.html"""

_NETWORK = re.compile(
    r"(^|[^a-z0-9])(nfs|cephfs|efs|smb|cifs|azure-?file|glusterfs|quobyte|lustre|filestore|juicefs|gcsfuse|manila)"
    r"|^(fsx(\.openzfs)?|s3)\.csi\.aws\.com$|^(file|blob)\.csi\.azure\.com$|^nasplugin\.csi\.alibabacloud\.com$"
)
"""Drivers and kinds of volumes of network file systems, by their names."""


@dataclass(frozen=True)
class StorageClass:
    """What is to be known of a StorageClass."""

    name: str
    provisioner: str
    expands: bool
    default: bool = False


@dataclass(frozen=True)
class Volume:
    """What is known of a store's volume; of a new store's, nothing but the cluster's classes."""

    name: str = ""
    """Of its claim."""
    claimed: int | None = None
    """Bytes its claim asks for."""
    capacity: int | None = None
    """Bytes it has."""
    used: int | None = None
    """Bytes of the store's files."""
    class_name: str | None = None
    driver: str | None = None
    """What provides it, where it is there."""
    requested: int | None = None
    """The most bytes that the store ever asked for itself."""
    grown: datetime | None = None
    """When it last began to grow."""
    now: datetime | None = None
    classes: tuple[StorageClass, ...] | None = None
    """Those of the cluster; None = not known."""

    def storage_class(self, wanted: str | None) -> StorageClass | None:
        """That of the volume or, where there is none yet, the wanted or the default one."""
        name = wanted if self.class_name is None else self.class_name
        return next((c for c in self.classes or () if (c.default if name is None else c.name == name)), None)

    def may_grow(self, wanted: str | None) -> bool:
        """Whether its class lets it; where the classes are not known, the API server is to say it."""
        found = self.storage_class(wanted)
        return self.classes is None or (found is not None and found.expands)


NO_VOLUME = Volume()


@dataclass(frozen=True)
class Growth:
    """What a volume should have."""

    volume: Volume
    """As it is."""
    size: int
    """Bytes it should ask for."""
    wanted: int
    """What it would, if its class let it grow."""
    room: int
    """What it may come to by itself."""
    wait: float | None = None
    """Seconds until it may take the automatic step that it needs."""


NO_GROWTH = Growth(NO_VOLUME, size=0, wanted=0, room=0)
"""Of a store that has no volume."""


def choose_volume(volume: Volume, wish: Storage, plan: PlanStorage, given: int) -> Growth | Refusal:
    """What a store's volume should have, or why it cannot.

    Args:
        volume: as it is.
        wish: what the store's spec says.
        plan: what its plan says.
        given: bytes that the plan gives to new stores.
    """
    wanted_class = wish.class_name or plan.class_name
    growth = _grow(volume, wish.size, plan.auto_grow, given, volume.may_grow(wanted_class))
    return _refused(volume, wish, wanted_class, growth) or growth


def growth_refused(name: str, storage: PlanStorage, least: int) -> Refusal | None:
    """Why volumes of a plan cannot grow by themselves.

    Args:
        name: the plan's.
        storage: what it says of volumes.
        least: bytes that one document needs.
    """
    auto = storage.auto_grow
    if auto is None or storage.size is None:
        return None
    if to_bytes(storage.size) < least:
        return Refusal(
            "PlanTooSmall",
            f"plan {name}: storage.size {storage.size} holds no document to begin with; give it {from_bytes(least)} at "
            "least, or leave it out",
        )
    if to_bytes(storage.size) > to_bytes(auto.max):
        return Refusal(
            "PlanInvalid",
            f"plan {name}: storage.size {storage.size} is above storage.autoGrow.max {auto.max}; raise max",
        )
    return None


def _grow(volume: Volume, size: str | None, auto: AutoGrow | None, given: int, may_grow: bool) -> Growth:
    asked = to_bytes(size) if size else None
    step, wait = _step(volume, auto) if auto and volume.claimed is not None else (0, None)
    wanted = asked or given if volume.claimed is None else max(volume.claimed, step, asked or (given if auto else 0))
    chosen = wanted if may_grow or volume.claimed is None else volume.claimed
    room = max(chosen, to_bytes(auto.max)) if auto and may_grow else chosen
    return Growth(volume, chosen, wanted, room, wait if may_grow else None)


def _step(volume: Volume, auto: AutoGrow) -> tuple[int, float | None]:
    """Size after the automatic step that is due, 0 where none is; and how long one that is needed must wait."""
    claimed, capacity, used = volume.claimed or 0, volume.capacity or 0, volume.used or 0
    if capacity < claimed or used * 100 < capacity * auto.threshold_percent:
        return 0, None
    size = min(capacity + to_bytes(auto.step), to_bytes(auto.max))
    if size <= capacity:
        return 0, None
    if volume.grown and volume.now and (left := volume.grown + EVERY - volume.now) > timedelta(0):
        return 0, math.ceil(left.total_seconds())
    return size, None


def _refused(volume: Volume, wish: Storage, storage_class: str | None, growth: Growth) -> Refusal | None:
    found = volume.storage_class(storage_class)
    driver = volume.driver or (found.provisioner if found and volume.claimed is None else None)
    if driver and _NETWORK.search(driver):
        what = f"claim {volume.name}" if volume.driver else f"storage.className: StorageClass {found and found.name}"
        return Refusal(
            "NetworkFileSystem",
            f"{what} is on {driver}, a network file system, on which SQLite's write-ahead log loses data; "
            "choose a StorageClass of block or local volumes",
        )
    if volume.claimed is None:
        return None
    have = from_bytes(volume.claimed)
    if wish.class_name and volume.class_name is not None and wish.class_name != volume.class_name:
        return Refusal(
            "StorageClassDiffers",
            f"spec.storage.className: {wish.class_name}, and the volume that is there, claim {volume.name}, is of "
            f"StorageClass {volume.class_name!r}; name that one or, to begin without what it holds, delete the claim",
        )
    asked = to_bytes(wish.size) if wish.size else None
    if asked and asked < min(volume.requested or 0, volume.claimed):
        return Refusal(
            "StorageShrinks",
            f"spec.storage.size: {wish.size} is below the {have} of the store's volume, and volumes do not shrink; "
            "leave size out, or make another store with less and copy the collections",
        )
    if asked and asked > growth.size:
        return Refusal(
            "StorageCannotGrow",
            f"spec.storage.size: {wish.size} is above the {have} of claim {volume.name}, and {cannot(volume)}; "
            "leave size out, or make another store with more and copy the collections",
        )
    return None


def cannot(volume: Volume) -> str:
    """Why a volume that has a claim cannot grow."""
    if not volume.class_name:
        return "it has no StorageClass that could make it grow"
    if volume.storage_class(None) is None:
        return f"its StorageClass {volume.class_name} is not there"
    return f"its StorageClass {volume.class_name} does not allow it (allowVolumeExpansion)"


def driver_of(persistent_volume: dict[str, Any]) -> str:
    """What provides a PersistentVolume: the CSI driver's name or the kind of its source, such as `nfs`."""
    spec = persistent_volume["spec"]
    if csi := spec.get("csi"):
        return str(csi["driver"])
    return next((kind.lower() for kind in ("nfs", "cephfs", "azureFile", "glusterfs", "quobyte") if kind in spec), "")
