"""Failures of the API server that last, told in the status of whom they keep waiting.

Most pass within a second, and a status for each would be two writes more than it is worth, in the worst
moment. One that is met again and again (an admission webhook that is down, a quota of the API server's
own, a full etcd) is what somebody looks for in the status: which request fails, and why.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable

from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.errors import ClusterError, Conflict, Forbidden, NotLeading, Terminating
from vectorstore_operator.refusal import Refusal

LASTS = 5
"""Failures in a row that are told: some three seconds of doubling waits."""


class Lasting:
    """Counts failures in a row, by store and plan."""

    def __init__(self, tell: Callable[[Key, Refusal], Awaitable[None]]) -> None:
        """
        Args:
            tell: writes a verdict into a status.
        """
        self._tell = tell
        self._failures: Counter[Key] = Counter()

    def over(self, key: Key) -> None:
        """A look came to its end."""
        self._failures.pop(key, None)

    async def failed(self, key: Key, error: ClusterError) -> None:
        """A look did not; what it told itself, or nobody can do anything about, is not told here."""
        if isinstance(error, Conflict | Forbidden | NotLeading | Terminating):
            return
        self._failures[key] += 1
        if self._failures[key] >= LASTS:
            with contextlib.suppress(ClusterError):  # then this cannot be written either
                await self._tell(key, verdict(error))


def verdict(error: ClusterError) -> Refusal:
    """What is told of a failure."""
    what = f"{error.child} cannot be written: {error}" if error.child else str(error)
    remedy = "it is tried again by itself, at least every five minutes; if it stays so, look at the API server"
    return Refusal("RequestFails", f"{what}; {remedy}, its admission webhooks and its quotas", undecided=True)
