"""Whether an endpoint that failed is worth another try now.

After some failures in a row it counts as down: everyone is told so at once instead of waiting for it
too. After a pause one request may try; when that succeeds, everyone may.
"""

from __future__ import annotations

from collections.abc import Callable

FAILURES = 4
"""So many attempts in a row fail before the endpoint counts as down."""
PAUSE = 10.0
"""Seconds for which it is then left alone."""


class Circuit:
    """The one memory that all requests to an endpoint share."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Starts in good faith. `now` is a monotonic clock, in seconds."""
        self._now = now
        self._failures = 0
        self._closed_until = 0.0
        self.reason = ""
        """What the last failure was."""

    @property
    def down(self) -> bool:
        """Whether it has failed too often to be waited for."""
        return self._failures >= FAILURES

    def wait(self) -> float:
        """Seconds until an attempt is worth while; 0: now, and while it is down for one caller only."""
        if not self.down:
            return 0
        left = self._closed_until - self._now()
        if left > 0:
            return left
        self._closed_until = self._now() + PAUSE  # this caller is the one to try
        return 0

    def failed(self, reason: str) -> None:
        """Notes an attempt that the endpoint did not answer as it should."""
        self._failures += 1
        self.reason = reason
        if self.down:
            self._closed_until = self._now() + PAUSE

    def succeeded(self) -> None:
        """Notes that it answers, whatever it says."""
        self._failures = 0
