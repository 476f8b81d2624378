"""What the operator counts of its own work: Prometheus metrics, one set per operator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.objects import Object

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histogram's buckets, in seconds: from a look that changes nothing to an API server that hangs."""


class Metrics:
    """The numbers, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "api_requests", "Requests to the API server; code 0 is no answer.", ("verb", "kind", "code")
        )
        self.reconciles = self._counter("reconciles", "Looks at a store or plan: ok, or why one failed.", ("result",))
        self.applies = self._counter("applies", "Children that differed from what is wanted.", ("kind",))
        self.skips = self._counter("skips", "Children that were as wanted, so that nothing was sent.", ("kind",))
        self.prunes = self._counter("prunes", "Children deleted that are not wanted any more.", ("kind",))
        self.events = self._counter("events", "Events told, by reason.", ("reason",))
        self.backup_failures = self._counter(
            "backup_failures",
            "Backups that failed, and archives that could not be deleted.",
            ("namespace", "name", "reason"),
        )
        self.seconds = Histogram(
            "vectorstore_operator_reconcile_seconds",
            "Time one look takes, in seconds.",
            buckets=BOUNDS,
            registry=self.registry,
        )

    def count_request(self, verb: str, kind: str, code: int) -> None:
        """Counts one request: what `Cluster` wants told."""
        self.requests.labels(verb, kind, code).inc()

    def count_event(self, reason: str) -> None:
        """Counts one Event: what `Recorder` wants told."""
        self.events.labels(reason).inc()

    def count_failed(self, store: Key, reason: str) -> None:
        """Counts one backup of a store that failed."""
        self.backup_failures.labels(store.namespace, store.name, reason).inc()

    def compared(self, wanted: Iterable[Object], differing: Collection[Object]) -> None:
        """Counts the children of a store that are to be applied, and those that are as they should be."""
        for obj in wanted:
            (self.applies if obj in differing else self.skips).labels(obj["kind"]).inc()

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that is looked up when it is asked for, on another thread."""
        Gauge(f"vectorstore_operator_{name}", text, registry=self.registry).set_function(value)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"vectorstore_operator_{name}", text, labels, registry=self.registry)
