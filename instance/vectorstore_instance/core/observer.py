"""What is told of requests that have ended: counted, audited, traced. The only place that knows all three."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext

from vectorstore_instance.core.access import reads
from vectorstore_instance.core.audit import Audit
from vectorstore_instance.core.exchange import Exchange
from vectorstore_instance.core.metrics import Tally
from vectorstore_instance.core.tracing import Attribute, Tracing, wanted
from vectorstore_instance.settings import Settings

_NOTHING = nullcontext()


class Observer:
    """The eyes of one instance."""

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            ValueError: the environment wants traces in a way that is not known here.
        """
        self.tally = Tally()
        self._audit = Audit(settings.tenant_id) if settings.audit else None
        self._tracing = Tracing(settings.tenant_id) if wanted() else None

    @property
    def traces(self) -> bool:
        """Whether spans are recorded."""
        return self._tracing is not None

    def begun(self, exchange: Exchange) -> None:
        """Takes note that a request has come."""
        self.tally.in_flight += 1
        if self._tracing is not None:
            self._tracing.begun(exchange)

    def ended(self, exchange: Exchange) -> None:
        """Takes note of what came of it, once its answer has been handed over."""
        exchange.seconds = time.monotonic() - exchange.started
        self.tally.in_flight -= 1
        self.tally.ended(exchange)
        if self._audit is not None:
            self._audit.ended(exchange, writes=not reads(exchange.method, exchange.path))
        if self._tracing is not None:
            self._tracing.ended(exchange)

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[None]:
        """A step of a request, or of work that none waits for, for the traces: never contents."""
        return _NOTHING if self._tracing is None else self._tracing.span(name, attributes)

    def close(self) -> None:
        """Tells what is still to be told; may wait some seconds for a collector that is away."""
        if self._audit is not None:
            self._audit.close()
        if self._tracing is not None:
            self._tracing.close()
