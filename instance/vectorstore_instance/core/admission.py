"""Who may come in now: the request rate and the number of requests under way, for the whole store.

What needs no key passes freely, and who was refused a key never comes here, so that neither uses up
what the tenant has. A rate costs a token per request; a place is taken once the request has arrived
with its whole body, so that those who send slowly keep nobody out. The bytes of bodies that are here
count from the first one.

A store of several pods has one rate, kept by its leader. A follower takes no tokens: with each request
to the leader it says how many tenants' requests asked for one since the one before (`handed_on`), and
the leader takes as many. What the follower answers by itself costs none, nor does what it asks on behalf
of a path that needs no key. Its own places bound what it does at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType

from vectorstore_instance.core.access import OPEN
from vectorstore_instance.core.errors import invalid, too_many
from vectorstore_instance.core.exchange import Exchange, current
from vectorstore_instance.core.roles import Role
from vectorstore_instance.settings import Limits

REQUESTS = "x-vectorstore-requests"
"""Header by which a follower says how many tenants' requests one of its own stands for."""

BODIES = 4
"""Bodies of the largest size that may be here at once: what they take is memory of the front."""

REMEDY = "or have the plan's limit raised"


class Bucket:
    """A token bucket: so many a second on average, and so many at once when it is full."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self.fill()

    def fill(self) -> None:
        """Fills it to the brim, wherever that is when next a token is taken."""
        self._tokens = math.inf

    def take(self, count: int, rate: float, size: int) -> float:
        """Takes tokens if there is one at all: what stands for several requests may leave a debt of one bucket.

        Returns:
            0, or the seconds until there is a token.
        """
        now = self._clock()
        self._tokens = min(float(size), self._tokens + (now - self._at) * rate)
        self._at = now
        if count and self._tokens < 1:
            return (1 - self._tokens) / rate
        self._tokens = max(self._tokens - count, -float(size))
        return 0.0


class Place:
    """One request's place; given back when the request has ended."""

    __slots__ = ("_admission", "_bytes", "_counted", "_taken")

    def __init__(self, admission: Admission, *, counted: bool) -> None:
        self._admission = admission
        self._counted = counted
        self._taken = False
        self._bytes = 0

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.under_way -= self._taken
        self._admission.body_bytes -= self._bytes

    def receive(self, size: int) -> None:
        """Makes room for a part of the body.

        Raises:
            ApiError: 429 with Retry-After: too many bytes of bodies are here.
        """
        self._admission.make_room(size)
        self._bytes += size

    def take(self) -> None:
        """Takes the place, now that the request is here as a whole.

        Raises:
            ApiError: 429 with Retry-After: too many requests are under way.
        """
        if self._counted and not self._taken:
            self._admission.seat()
            self._taken = True


class Admission:
    """The door of one instance's tenant port."""

    def __init__(
        self, limits: Callable[[], Limits], *, follows: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            limits: what counts now.
            follows: whether the store's leader keeps the rate.
            clock: seconds that only grow.
        """
        self._limits = limits
        self._follows = follows
        self._bucket = Bucket(clock)
        self._handed_on = 0
        self.under_way = 0
        """Requests that have a place."""
        self.body_bytes = 0
        """Bytes of bodies of the requests that are here."""

    def admit(self, exchange: Exchange, headers: list[tuple[bytes, bytes]]) -> Place:
        """Lets one request in, for as long as its place is held.

        Raises:
            ApiError: 429 with Retry-After: too many a second.
        """
        caller = exchange.caller
        if caller is None or OPEN.fullmatch(exchange.path):
            return Place(self, counted=False)
        if self._follows:
            exchange.tokens = 1
        else:
            self._charge(_requests(headers) if caller.role is Role.INTERNAL else 1)
        return Place(self, counted=True)

    def hand_on(self) -> None:
        """Has the next request to the leader stand for the current one, too, unless one did before."""
        exchange = current.get()
        if exchange is not None:
            self._handed_on += exchange.tokens
            exchange.tokens = 0

    def handed_on(self) -> int:
        """How many of the tenant's requests a request to the leader stands for that is about to be sent."""
        exchange = current.get()
        if exchange is not None and OPEN.fullmatch(exchange.path):
            return 0
        count, self._handed_on = self._handed_on, 0
        return count

    def seat(self) -> None:
        """Counts a request as under way."""
        most = self._limits().max_concurrent
        if self.under_way >= most:
            raise too_many(
                f"requests: {self.under_way} of {most} are under way at once; "
                f"send this one again when others have ended, {REMEDY} (max_concurrent)"
            )
        self.under_way += 1

    def make_room(self, size: int) -> None:
        """Counts bytes of a body."""
        most = BODIES * self._limits().max_body_bytes
        if self.body_bytes + size > most:
            raise too_many(
                f"bodies: those under way have {self.body_bytes} of {most} bytes; "
                f"send this one again when others have ended, {REMEDY} (max_body_bytes)"
            )
        self.body_bytes += size

    def _charge(self, requests: int) -> None:
        limits = self._limits()
        rate = limits.requests_per_second
        if rate is None:
            self._bucket.fill()
            return
        burst = limits.burst or max(1, math.ceil(2 * rate))
        if wait := self._bucket.take(requests, rate, burst):
            seconds = max(1, math.ceil(wait))
            raise too_many(
                f"requests: more than {rate:g} a second, and the {burst} that may come at once have come; "
                f"wait {seconds} s, put more into one request, {REMEDY} (requests_per_second, burst)",
                seconds,
            )


def _requests(headers: list[tuple[bytes, bytes]]) -> int:
    """How many tenants' requests a request of a follower's stands for."""
    for name, value in headers:
        if name == REQUESTS.encode():
            if not value.isdigit() or len(value) > 9:
                raise invalid(f"{REQUESTS}: {value.decode('latin-1')!r} is not a count of requests")
            return int(value)
    return 1
