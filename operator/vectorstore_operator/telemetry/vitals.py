"""Signs of life of one operator: for its probes, and as the numbers that are looked up when asked for.

Ready is who knows all there is: a standby, too. Alive is who still gets on, or would do no better after a
restart. An API server that is away is no reason for one: nothing here depends on its answers, only on
somebody going on to ask. Each limit is well above what the time-outs of requests and watches add up to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.resync import Resync
from vectorstore_operator.cluster.watch import Informer
from vectorstore_operator.observe import Usage
from vectorstore_operator.telemetry.census import Census
from vectorstore_operator.telemetry.metrics import Metrics
from vectorstore_operator.workqueue import WorkQueue

STUCK = 600.0
"""Seconds that one look may take, or the line stand still: time-outs end any request after 60."""
SILENT = 300.0
"""Seconds a watch may tell nothing: bookmarks come every minute, and after 90 s without one it is begun anew."""


class Vitals:
    """How one operator fares."""

    def __init__(
        self,
        cache: Cache,
        resync: Resync,
        informers: Sequence[Informer[Any]],
        queue: Callable[[], WorkQueue[Key] | None],
        usage: Callable[[], Mapping[Key, Usage]],
    ) -> None:
        """
        Args:
            cache: where stores and plans are known.
            resync, informers: what fills it.
            queue: the work, while this operator leads.
            usage: what stores last answered; empty while another operator asks them.
        """
        self._cache, self._resync, self._informers = cache, resync, informers
        self._queue, self._usage = queue, usage

    def unready(self) -> str:
        """Why the cache may not hold all there is; empty once it does."""
        listed = self._resync.listed.is_set() and all(informer.listed.is_set() for informer in self._informers)
        return "" if listed else "the caches are not filled yet"

    def dead(self) -> str:
        """What has come to a standstill; empty while nothing has."""
        for watched, silent in self._silent().items():
            if silent > SILENT:
                return f"the watch of {watched} has been silent for {silent:.0f} s"
        if (longest := self._of_queue(lambda queue: queue.longest)) > STUCK:
            return f"a look has taken {longest:.0f} s"
        if (oldest := self._of_queue(lambda queue: 0 if queue.busy else queue.oldest)) > STUCK:
            return f"nobody has taken the first in line for {oldest:.0f} s"
        return ""

    def register(self, metrics: Metrics) -> None:
        """Tells all of it as metrics."""
        gauge, queue = metrics.gauge, self._of_queue
        gauge("leading", "Whether this operator works, not only watches.", lambda: self._queue() is not None)
        gauge("ready", "Whether the cache holds all there is.", lambda: not self.unready())
        gauge("stores", "Stores known.", lambda: len(self._cache.stores()))
        gauge("plans", "Plans known.", lambda: len(self._cache.plans()))
        gauge("queue", "Stores and plans in line.", lambda: queue(len))
        gauge("queue_oldest_seconds", "How long the first in line has waited.", lambda: queue(lambda q: q.oldest))
        gauge("busy", "Those worked on now.", lambda: queue(lambda q: q.busy))
        gauge("busy_longest_seconds", "How long the longest of these looks takes.", lambda: queue(lambda q: q.longest))
        gauge("watch_silent_seconds", "How long the quietest watch told nothing.", lambda: max(self._silent().values()))
        metrics.registry.register(Census(self._cache, self._usage))

    def _silent(self) -> dict[str, float]:
        children = {informer.kind.plural: informer.silent for informer in self._informers}
        return {"vectorstores and vectorstoreplans": self._resync.silent, **children}

    def _of_queue(self, number: Callable[[WorkQueue[Key]], float]) -> float:
        queue = self._queue()
        return 0.0 if queue is None else number(queue)
