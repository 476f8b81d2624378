"""`/metrics`: the numbers of one instance for Prometheus, and nothing of what the tenant stored.

What is counted on the way (`core.metrics`) and what the engine says of itself are put into Prometheus'
words when somebody asks, off the event loop. The library is loaded by the first who does: an instance
that nobody scrapes is smaller without it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from vectorstore_instance import __version__
from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.core.families import FAMILIES
from vectorstore_instance.core.metrics import BOUNDS, Histogram, Tally
from vectorstore_instance.engine import Phase, State, Usage
from vectorstore_instance.instance import Instance
from vectorstore_instance.settings import Limits, Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

Sample = tuple[str, tuple[object, ...], float]
"""A metric's name, the values of its labels, a number."""


class Metrics:
    """The page of one instance, on a registry of its own."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._usage: Usage | None = None
        self._registry: CollectorRegistry | None = None

    async def page(self, accept: str) -> tuple[bytes, str]:
        """The numbers now and their content type: Prometheus' text, or OpenMetrics where `accept` has it."""
        self._usage = await self._ask_usage()
        return await asyncio.to_thread(self._render, accept)

    def collect(self) -> Iterator[Metric]:
        """The metrics that have a number, as Prometheus' library asks for them."""
        from prometheus_client import Metric

        metrics: dict[str, Metric] = {}
        for name, values, number in self._samples():
            family = FAMILIES[name]
            base = name.removesuffix("_total")
            metric = metrics.setdefault(name, Metric(base, family.help, family.type))
            metric.add_sample(name, dict(zip(family.labels, map(str, values), strict=True)), number)
        for name, values, times in self._histograms():
            family = FAMILIES[name]
            metric = metrics.setdefault(name, Metric(name, family.help, family.type))
            _add_histogram(metric, dict(zip(family.labels, values, strict=True)), times)
        yield from metrics.values()

    def _samples(self) -> Iterator[Sample]:
        instance = self._instance
        state, limits, tally = instance.engine.state(), instance.limits.current, instance.observer.tally
        yield "vectorstore_ready", (), instance.engine.ready
        yield from _build(instance.settings)
        yield from _traffic(tally)
        yield from _engine(state)
        yield from _limits(limits)
        if self._usage is not None:
            yield from _holdings(self._usage, limits)
            yield from _volume(instance.settings.data_dir)
        if instance.embedder is not None:
            yield "vectorstore_embedded_texts_total", (), tally.texts
            yield "vectorstore_model_loaded", (), instance.embedder.loaded
        if instance.settings.tls_dir is not None:
            yield from certificate(instance.settings.tls_dir / "tls.crt")

    def _histograms(self) -> Iterator[tuple[str, tuple[str, ...], Histogram]]:
        tally = self._instance.observer.tally
        for route, times in list(tally.latency.items()):
            yield "vectorstore_request_duration_seconds", (route,), times
        if self._instance.embedder is not None:
            yield "vectorstore_embed_duration_seconds", (), tally.embedding

    async def _ask_usage(self) -> Usage | None:
        """What the store holds, where its data are here: no other server is asked at every scrape."""
        settings = self._instance.settings
        if settings.follows or settings.engine_url or self._instance.engine.state().phase == "starting":
            return None
        try:
            return await self._instance.engine.usage()
        except ApiError:
            return None

    def _render(self, accept: str) -> tuple[bytes, str]:
        from prometheus_client.exposition import choose_encoder

        if self._registry is None:
            self._registry = self._make_registry()
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _make_registry(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, ProcessCollector
        from prometheus_client.registry import Collector

        metrics = self

        class Numbers(Collector):
            def collect(self) -> Iterator[Metric]:
                return metrics.collect()

        registry = CollectorRegistry()
        registry.register(Numbers())
        ProcessCollector(registry=registry)
        # The same of the engine's process; while there is none, the library leaves the numbers out.
        ProcessCollector("vectorstore_engine", lambda: self._instance.engine.state().pid or "none", registry=registry)
        return registry


def _build(settings: Settings) -> Iterable[Sample]:
    yield "vectorstore_build_info", (__version__, settings.model_name, settings.precision), 1


def _traffic(tally: Tally) -> Iterable[Sample]:
    yield "vectorstore_requests_in_flight", (), tally.in_flight
    # Copied in one step each: requests are counted meanwhile, on another thread.
    for key, count in list(tally.requests.items()):
        yield "vectorstore_requests_total", key, count
    if tally.last_request is not None:
        yield "vectorstore_last_request_timestamp_seconds", (), tally.last_request
    for key, count in list(tally.refusals.items()):
        yield "vectorstore_refusals_total", key, count
    for route, count in list(tally.rows.items()):
        yield "vectorstore_written_rows_total", (route,), count


def _engine(state: State) -> Iterable[Sample]:
    for phase in get_args(Phase):
        yield "vectorstore_engine_phase", (phase,), phase == state.phase
    yield "vectorstore_engine_starts_total", (), state.starts
    yield "vectorstore_engine_repairs_total", (), state.repairs
    yield "vectorstore_engine_replayed_operations_total", (), state.replayed
    yield "vectorstore_engine_checkpoints_total", (), state.checkpoints
    yield "vectorstore_engine_silent_seconds", (), state.silent
    yield "vectorstore_unindexed_operations", (), state.unindexed
    yield "vectorstore_queue_depth", ("reads",), state.waiting_reads
    yield "vectorstore_queue_depth", ("writes",), state.waiting_writes
    yield "vectorstore_read_only", (), bool(state.read_only)


def _limits(limits: Limits) -> Iterable[Sample]:
    yield "vectorstore_documents_limit", (), limits.max_documents
    yield "vectorstore_collections_limit", (), limits.max_collections
    if limits.max_bytes is not None:
        yield "vectorstore_data_limit_bytes", (), limits.max_bytes


def _holdings(usage: Usage, limits: Limits) -> Iterable[Sample]:
    yield "vectorstore_documents", (), usage.documents
    yield "vectorstore_collections", (), usage.collections
    yield "vectorstore_data_bytes", (), usage.bytes
    yield "vectorstore_data_reclaimable_bytes", (), usage.reclaimableBytes
    yield "vectorstore_quota_use_ratio", ("documents",), _ratio(usage.documents, limits.max_documents)
    yield "vectorstore_quota_use_ratio", ("collections",), _ratio(usage.collections, limits.max_collections)
    if limits.max_bytes is not None:
        yield "vectorstore_quota_use_ratio", ("bytes",), _ratio(usage.bytes, limits.max_bytes)


def _volume(folder: Path) -> Iterable[Sample]:
    found = os.statvfs(folder)
    yield "vectorstore_volume_bytes", (), found.f_blocks * found.f_frsize
    yield "vectorstore_volume_free_bytes", (), found.f_bavail * found.f_frsize


def _ratio(used: int, limit: int) -> float:
    return used / limit if limit else 1.0  # of nothing, all is used


def certificate(path: Path) -> Iterable[Sample]:
    """When the certificate in a file ends; nothing where there is none that can be read."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        first = load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError):  # being replaced, or wrong: which is said where it is served
        return
    yield "vectorstore_tls_certificate_expiry_timestamp_seconds", (), first.not_valid_after_utc.timestamp()


def _add_histogram(metric: Metric, labels: dict[str, str], times: Histogram) -> None:
    counts = list(accumulate(list(times.buckets)))
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": bound}, count)
    metric.add_sample(f"{metric.name}_count", labels, counts[-1])
    metric.add_sample(f"{metric.name}_sum", labels, times.seconds)
