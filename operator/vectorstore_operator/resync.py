"""The safety net under kopf's watches of stores and plans.

kopf lists again after its watch was cut off for too long, and tells nothing of what went meanwhile.
So: a listing of our own at the start (after which the cache is known to be full), shortly after kopf
was seen to list again, and every so often; what it does not hold any more is dropped from the cache.
A listing also says what kopf must have told soon: a watch that stays silent about it is dead.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from vectorstore_operator.cache import Cache, Key
from vectorstore_operator.cluster import Cluster
from vectorstore_operator.errors import ClusterError, NotFound
from vectorstore_operator.kinds import PLAN, STORE
from vectorstore_operator.objects import Object
from vectorstore_operator.queue import exponential

log = logging.getLogger(__name__)

Scope = tuple[str, str | None]
"""What one watch of kopf's tells of: a kind, in one namespace or in all."""

SETTLE = 2.0
"""Seconds between the first sign of a new listing and ours: one sign comes per object."""


class Resync:
    """Compares stores and plans in the cache with the API server's."""

    def __init__(
        self,
        cluster: Cluster,
        namespaces: Iterable[str | None],
        cache: Cache,
        changed: Callable[[Key], None],
        every: float,
    ) -> None:
        self._cluster, self._namespaces = cluster, tuple(namespaces)
        self._cache, self._changed, self._every = cache, changed, every
        self._wanted = asyncio.Event()
        self.listed = asyncio.Event()
        """Set once the cache holds all stores and plans."""
        self._seen: dict[Scope, int] = {}
        self._owed: dict[Scope, tuple[int, float]] = {}

    def soon(self) -> None:
        """Asks for a comparison."""
        self._wanted.set()

    def saw(self, obj: Object) -> None:
        """Takes note of an object that kopf's watch brought."""
        meta = obj["metadata"]
        scope = (obj["kind"], None if None in self._namespaces else meta.get("namespace"))
        self._seen[scope] = seen = max(int(meta["resourceVersion"]), self._seen.get(scope, 0))
        if seen >= self._owed.get(scope, (0, 0.0))[0]:
            self._owed.pop(scope, None)

    @property
    def silent(self) -> float:
        """Seconds for which kopf has owed news that a listing had; 0 while it owes none."""
        owed = [since for _, since in list(self._owed.values())]
        return time.monotonic() - min(owed) if owed else 0.0

    async def run(self) -> None:
        """Compares at once, when asked to, and every so often; ends when cancelled."""
        failures = 0
        while True:
            try:
                await self.compare()
            except ClusterError as error:
                failures += 1
                hint = "; are the CRDs installed?" if isinstance(error, NotFound) else ""
                log.warning("stores and plans cannot be listed, trying again: %s%s", error, hint)
                await asyncio.sleep(error.retry_after or exponential(failures, 0.2, 10))
                continue
            failures = 0
            self.listed.set()
            await self._pause()

    async def compare(self) -> None:
        """One comparison."""
        for kind, namespaces in ((PLAN, (None,)), (STORE, self._namespaces)):
            for namespace in namespaces:
                items, version = await self._cluster.list(kind, namespace)
                for key in self._cache.replace(kind.name, namespace, items, version):
                    self._changed(key)
                self._owe((kind.name, namespace), items)

    def _owe(self, scope: Scope, items: Iterable[Object]) -> None:
        newest = max((int(obj["metadata"]["resourceVersion"]) for obj in items), default=0)
        if newest > self._seen.get(scope, 0):
            self._owed[scope] = newest, self._owed.get(scope, (0, time.monotonic()))[1]
        else:
            self._owed.pop(scope, None)

    async def _pause(self) -> None:
        self._wanted.clear()
        try:
            async with asyncio.timeout(self._every):
                await self._wanted.wait()
        except TimeoutError:
            return
        await asyncio.sleep(SETTLE)
