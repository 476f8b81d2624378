"""How long to leave the API server alone after it failed."""

from __future__ import annotations

import random

from vectorstore_operator.cluster.errors import ClusterError
from vectorstore_operator.workqueue import exponential

LONGEST = 300.0
"""Seconds between two tries, at most and but for their spread, whatever is asked for."""


def pause(error: Exception, failures: int, base: float = 0.2, most: float = LONGEST) -> float:
    """Seconds until the next try: doubling with every failure in a row, and not before the API server asks for it.

    Args:
        error: the last failure.
        failures: how many there were in a row.
        base: seconds after the first.
        most: seconds between two tries, where no more is asked for.
    """
    asked = error.retry_after if isinstance(error, ClusterError) and error.retry_after else 0.0
    spread: float = random.uniform(1.0, 1.25)  # noqa: S311 (those who were asked together must not come together)
    return max(min(asked, LONGEST) * spread, exponential(failures, base, most))
