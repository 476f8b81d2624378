"""What is counted while requests come and go: a few additions each, read when somebody asks for the numbers.

Counting is on the path of every request, so it is plain arithmetic on the event loop's thread. How the
numbers are named and shown is the business of `api.metrics`, with Prometheus' own library, which is not
loaded before the first scrape.
"""

from __future__ import annotations

import time
from bisect import bisect_left

from vectorstore_instance.core.exchange import Exchange

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets, in seconds: from a coalesced query to a bulk write."""

MOST_SERIES = 500
"""Label sets of one metric. Routes and error classes are few words; another server's may not be."""


class Histogram:
    """How often something took how long."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        """Observations per bucket, not cumulated; the last has no upper bound."""
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Takes note of one."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Tally:
    """The counts of one instance since its start."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.requests: dict[tuple[str, int], int] = {}
        """By route and status; 0 where the client left before its answer."""
        self.latency: dict[str, Histogram] = {}
        """By route."""
        self.refusals: dict[tuple[str, int], int] = {}
        """By error class and status."""
        self.rows: dict[str, int] = {}
        """Rows of acknowledged writes, by route."""
        self.embedding = Histogram()
        self.texts = 0
        self.last_request: float | None = None
        """When the tenant last asked for something, in Unix seconds: a heartbeat or a stranger is no request of its."""

    def ended(self, exchange: Exchange) -> None:
        """Counts one request."""
        route = exchange.route
        _count(self.requests, (route, exchange.status))
        if exchange.caller is not None and route != "system":
            self.last_request = time.time()
        latency = self.latency.get(route)
        if latency is None:
            latency = self.latency[route] = Histogram()
        latency.observe(exchange.seconds)
        if exchange.status >= 400:
            _count(self.refusals, (exchange.error, exchange.status))
        elif exchange.rows:
            self.rows[route] = self.rows.get(route, 0) + exchange.rows

    def embedded(self, texts: int, seconds: float) -> None:
        """Counts one call of the embedding model."""
        self.texts += texts
        self.embedding.observe(seconds)


def _count(counts: dict[tuple[str, int], int], key: tuple[str, int]) -> None:
    if key in counts:
        counts[key] += 1
    elif len(counts) < MOST_SERIES:
        counts[key] = 1
    else:
        counts["other", key[1]] = counts.get(("other", key[1]), 0) + 1
