"""What is told of requests that have ended: counted, audited, traced."""

from __future__ import annotations

import time

from vectorstore_instance.core.exchange import Exchange


class Observer:
    """The eyes of one instance."""

    def begun(self, exchange: Exchange) -> None:
        """Takes note that a request has come."""

    def ended(self, exchange: Exchange) -> None:
        """Takes note of what came of it."""
        exchange.seconds = time.monotonic() - exchange.started
