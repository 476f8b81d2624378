"""Lists and watches one kind of objects, such as stores' children, for ever, and heals its own gaps.

After anything that may have lost news (410, a broken list) the kind is listed again and compared
with the cache, so that what vanished in between is missed and made anew: kopf's own watches do not
tell of that, which is why children are watched here.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Generic

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import SELECTOR
from vectorstore_operator.cluster.errors import ClusterError, Forbidden, Gone, NotFound
from vectorstore_operator.cluster.kinds import Kind
from vectorstore_operator.cluster.listing import Keeping, News, take_in
from vectorstore_operator.cluster.pausing import pause
from vectorstore_operator.workqueue import exponential

log = logging.getLogger(__name__)


ABSENT_AGAIN = 10.0
"""Seconds until it is looked again whether a kind that the cluster lacks has come."""


class Informer(Generic[News]):
    """Keeps what is known true for one kind in one namespace (None = all)."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str | None,
        cache: Keeping[News],
        changed: Callable[[News], None],
        selector: str = SELECTOR,
    ) -> None:
        """
        Args:
            cluster: is asked.
            kind, namespace, selector: what is watched.
            cache: takes it.
            changed: told of what changed.
        """
        self._cluster, self.kind, self._namespace, self._selector = cluster, kind, namespace, selector
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
                if self.kind.optional and isinstance(error, NotFound | Forbidden):
                    since = ""
                    self._missing(error)
                    await asyncio.sleep(ABSENT_AGAIN)
                    continue
                log.warning("watch of %s broke, going on: %s", self.kind.plural, error)
                await asyncio.sleep(pause(error, failures, most=30))

    async def _list(self) -> str:
        version, _ = await take_in(
            self._cluster, self._cache, self.kind, self._namespace, self._selector, self._changed
        )
        self._cache.absent.discard(self.kind.name)
        self.listed.set()
        self._alive = time.monotonic()
        return version

    def _missing(self, why: ClusterError) -> None:
        """The cluster does not have the kind, or not any more: then there are no objects of it."""
        if self.kind.name not in self._cache.absent:
            log.info("%s is not there, going on without: %s", self.kind.name, why)
        self._cache.absent.add(self.kind.name)
        for news in self._cache.retain(self.kind.name, self._namespace, (), str(sys.maxsize)):
            self._changed(news)
        self.listed.set()

    async def _watch(self, since: str) -> AsyncIterator[str]:
        async for event, obj in self._cluster.watch(self.kind, self._namespace, self._selector, since):
            self._alive = time.monotonic()
            if event != "BOOKMARK":
                news = self._cache.drop(obj) if event == "DELETED" else self._cache.put(obj)
                if news:
                    self._changed(news)
            yield obj["metadata"]["resourceVersion"]
