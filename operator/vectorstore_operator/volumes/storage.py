"""What the cluster has for volumes: its StorageClasses, and what provides volumes whose claims do not say.

Neither is watched: the classes are few and listed at most once a minute, when a store is looked at; what
a PersistentVolume is made of never changes, and is asked for once.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.errors import Forbidden
from vectorstore_operator.cluster.kinds import PERSISTENT_VOLUME, STORAGE_CLASS
from vectorstore_operator.objects import Object
from vectorstore_operator.plan.claimed import provisioner
from vectorstore_operator.plan.volume import StorageClass, driver_of

log = logging.getLogger(__name__)

AGE = 60.0
"""Seconds for which a list of classes is good."""
DEFAULT = "storageclass.kubernetes.io/is-default-class"


class Storage:
    """Asks the API server for classes and volumes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._classes: tuple[StorageClass, ...] | None = None
        self._listed = -math.inf
        self._listing = asyncio.Lock()
        self._drivers: dict[str, str] = {}

    async def classes(self) -> tuple[StorageClass, ...] | None:
        """The cluster's classes; None where this operator may not see them."""
        async with self._listing:  # who comes while the first one lists waits for what it finds
            if time.monotonic() - self._listed >= AGE:
                try:
                    self._classes = tuple(map(_read, (await self._cluster.list(STORAGE_CLASS))[0]))
                except Forbidden as error:
                    log.warning("StorageClasses cannot be seen, so growth is tried unseen: %s", error)
                    self._classes = None
                self._listed = time.monotonic()
            return self._classes

    async def driver(self, claim: Object | None) -> str | None:
        """What provides a claim's volume, where the claim itself does not say."""
        volume = claim["spec"].get("volumeName") if claim else None
        if claim is None or not volume or provisioner(claim):
            return None
        if volume not in self._drivers:
            try:
                found = await self._cluster.get(PERSISTENT_VOLUME, None, volume)
            except Forbidden as error:
                log.warning("PersistentVolume %s cannot be seen: %s", volume, error)
                return None
            if found is None:
                return None
            self._drivers[volume] = driver_of(found)
        return self._drivers[volume]


def _read(live: Object) -> StorageClass:
    annotations = live["metadata"].get("annotations") or {}
    return StorageClass(
        name=live["metadata"]["name"],
        provisioner=live["provisioner"],
        expands=bool(live.get("allowVolumeExpansion")),
        default=annotations.get(DEFAULT) == "true",
    )
