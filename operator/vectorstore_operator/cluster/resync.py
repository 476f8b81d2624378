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
from contextlib import suppress

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.errors import ClusterError, NotFound
from vectorstore_operator.cluster.kinds import PLAN, STORE
from vectorstore_operator.cluster.listing import take_in
from vectorstore_operator.cluster.pausing import pause
from vectorstore_operator.objects import Object

log = logging.getLogger(__name__)

Scope = tuple[str, str | None]
"""What one watch of kopf's tells of: a kind, in one namespace or in all."""

HEARING = 10.0
"""Seconds for which kopf's own first listing is waited for: what it tells of later is no reason to do nothing."""
SETTLE = 2.0
"""Seconds without a sign of a new listing after which ours follows: one sign comes per object."""


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
        self._heard = asyncio.Event()
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
            self._hear()

    async def heard(self) -> None:
        """Waits until kopf has told of all there was, so that it tells of changes as they come.

        Its first listing is as much work as many looks, and those that are begun before go first.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARING):
                await self._heard.wait()

    def _hear(self) -> None:
        if self.listed.is_set() and not self._owed:
            self._heard.set()

    @property
    def silent(self) -> float:
        """Seconds for which kopf has owed news that a listing had; 0 while it owes none."""
        owed = [since for _, since in list(self._owed.values())]
        return time.monotonic() - min(owed) if owed else 0.0

    async def run(self) -> None:
        """Compares at once, when asked to, and every so often; ends when cancelled."""
        while True:
            await self.afresh()
            self.listed.set()
            self._hear()
            await self._pause()

    async def afresh(self) -> None:
        """One comparison that succeeds. After it nothing is older here than what others went by before it."""
        failures = 0
        while True:
            try:
                return await self.compare()
            except ClusterError as error:
                failures += 1
                hint = "; are the CRDs installed?" if isinstance(error, NotFound) else ""
                log.warning("stores and plans cannot be listed, trying again: %s%s", error, hint)
                await asyncio.sleep(pause(error, failures, most=10))

    async def compare(self) -> None:
        """One comparison."""
        for kind, namespaces in ((PLAN, (None,)), (STORE, self._namespaces)):
            for namespace in namespaces:
                _, newest = await take_in(self._cluster, self._cache, kind, namespace, "", self._changed)
                self._owe((kind.name, namespace), newest)

    def _owe(self, scope: Scope, newest: int) -> None:
        if newest > self._seen.get(scope, 0):
            self._owed[scope] = newest, self._owed.get(scope, (0, time.monotonic()))[1]
        else:
            self._owed.pop(scope, None)

    async def _pause(self) -> None:
        """Until a comparison is due: after a while, or when for a moment no further sign of a new listing came."""
        try:
            async with asyncio.timeout(self._every):
                await self._wanted.wait()
            while True:
                self._wanted.clear()
                async with asyncio.timeout(SETTLE):
                    await self._wanted.wait()
        except TimeoutError:
            return
