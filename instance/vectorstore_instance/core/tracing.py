"""Traces, where the environment names a collector: a span per request, and one per step that may take long.

The OpenTelemetry SDK is loaded only then, and reads its own variables: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and the like. Spans are sent
by a thread of its own in batches; what a collector that is away does not take is dropped. A trace has the
id of its exchange, which is the caller's where it sent one: `chroma-trace-id` finds the trace.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vectorstore_instance import __version__
from vectorstore_instance.core.exchange import Exchange, current

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Attribute = str | int | float | bool

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_LAST_SPANS_SECONDS = 2
"""How long the end of the process waits for the collector at most."""


def wanted() -> bool:
    """Whether the environment names a collector for traces.

    Raises:
        ValueError: it wants a protocol that is not spoken here.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, _ENDPOINTS)):
        return False
    name, protocol = next(((name, os.environ[name]) for name in _PROTOCOLS if os.environ.get(name)), ("", _PROTOCOL))
    if protocol != _PROTOCOL:
        raise ValueError(f"{name}: {protocol!r} is not spoken here; set {_PROTOCOL} or leave it out")
    return True


class Tracing:
    """The traces of one tenant's instance."""

    def __init__(self, tenant: str) -> None:
        """Loads the SDK and starts its sender."""
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._nothing = Context()
        self._propagator = TraceContextTextMapPropagator()
        self._provider = _provider(tenant)
        self._tracer = self._provider.get_tracer("vectorstore_instance", __version__)

    def begun(self, exchange: Exchange) -> None:
        """Begins the span of a request, in the context of the task that serves it."""
        from opentelemetry.context import attach

        parent = self._propagator.extract({"traceparent": exchange.parent}, self._nothing)
        span = self._tracer.start_span(exchange.method, parent, self._trace.SpanKind.SERVER)
        attach(self._trace.set_span_in_context(span))  # the task ends with the request: nothing to detach

    def ended(self, exchange: Exchange) -> None:
        """Ends the span of a request with what came of it."""
        span = self._trace.get_current_span()
        if span.is_recording():
            span.update_name(f"{exchange.method} {exchange.route}")
            span.set_attributes(_attributes(exchange))
            if exchange.status >= 500:
                span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    @contextmanager
    def span(self, name: str, attributes: dict[str, Attribute]) -> Iterator[None]:
        """A step of a request, or of work that no request waits for, as a span."""
        exchange = current.get()
        outlives = exchange is not None and exchange.seconds and not self._trace.get_current_span().is_recording()
        # An exception's text may hold what the tenant sent, so neither it nor its trace is recorded: its class is.
        with self._tracer.start_as_current_span(
            name,
            self._nothing if outlives else None,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as problem:
                span.set_attribute("error.type", type(problem).__name__)
                span.set_status(self._trace.StatusCode.ERROR)
                raise

    def close(self) -> None:
        """Sends the last spans, and waits for that no longer than a few seconds."""
        # The sender may be in the middle of an attempt, which nothing ends before its own time-out.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST_SPANS_SECONDS)


def _provider(tenant: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class ExchangeIds(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            exchange = current.get()
            # Work that a request began and did not wait for is a trace of its own.
            return int(exchange.id, 16) if exchange and not exchange.seconds else super().generate_trace_id()

    own = {"service.version": __version__, "vectorstore.tenant": tenant}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        own["service.name"] = "vectorstore-instance"
    provider = TracerProvider(resource=Resource.create(own), id_generator=ExchangeIds(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _attributes(exchange: Exchange) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {
        "http.request.method": exchange.method,
        "http.response.status_code": exchange.status,
        "http.route": exchange.route,
        "url.path": exchange.path,
    }
    if exchange.rows:
        found["vectorstore.rows"] = exchange.rows
    if exchange.caller:
        found["vectorstore.role"] = exchange.caller.role
    if exchange.error:
        found["error.type"] = exchange.error
    return found
