"""Lists and watches one kind of children for ever, and heals its own gaps.

After anything that may have lost news (410, a broken list) the kind is listed again and compared
with the cache, so that what vanished in between is missed and made anew: kopf's own watches do not
tell of that, which is why children are watched here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

from vectorstore_operator.cache import SELECTOR, Cache, Key
from vectorstore_operator.cluster import Cluster
from vectorstore_operator.errors import ClusterError, Gone
from vectorstore_operator.kinds import Kind
from vectorstore_operator.queue import exponential

log = logging.getLogger(__name__)


class Informer:
    """Keeps the cache true for one kind in one namespace (None = all)."""

    def __init__(
        self, cluster: Cluster, kind: Kind, namespace: str | None, cache: Cache, changed: Callable[[Key], None]
    ) -> None:
        self._cluster, self.kind, self._namespace = cluster, kind, namespace
        self._cache, self._changed = cache, changed
        self.listed = asyncio.Event()
        """Set once the cache holds all there is."""
        self._alive = time.monotonic()

    @property
    def silent(self) -> float:
        """Seconds since there was news, a bookmark or a failure: bookmarks come about every minute."""
        return time.monotonic() - self._alive

    async def run(self) -> None:
        """Lists, watches, and begins again after every failure; ends when cancelled."""
        since, failures = "", 0
        while True:
            try:
                since = since or await self._list()
                async for version in self._watch(since):
                    since, failures = version, 0
                await asyncio.sleep(exponential(1, 0.1))  # servers end watches every few minutes; one may do so at once
            except ClusterError as error:
                if isinstance(error, Gone):
                    since = ""
                failures, self._alive = failures + 1, time.monotonic()
                log.warning("watch of %s broke, going on: %s", self.kind.plural, error)
                await asyncio.sleep(error.retry_after or exponential(failures, 0.2, 30))

    async def _list(self) -> str:
        items, version = await self._cluster.list(self.kind, self._namespace, SELECTOR)
        for key in self._cache.replace(self.kind.name, self._namespace, items, version):
            self._changed(key)
        self.listed.set()
        self._alive = time.monotonic()
        return version

    async def _watch(self, since: str) -> AsyncIterator[str]:
        async for event, obj in self._cluster.watch(self.kind, self._namespace, SELECTOR, since):
            self._alive = time.monotonic()
            if event != "BOOKMARK":
                key = self._cache.drop(obj) if event == "DELETED" else self._cache.put(obj)
                if key:
                    self._changed(key)
            yield obj["metadata"]["resourceVersion"]
