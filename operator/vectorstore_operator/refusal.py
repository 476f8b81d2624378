"""Why something cannot be served; apart from `plan`, so that whoever objects to a part of it can say so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """Why a store or a plan cannot be served: the `Accepted=False` condition."""

    reason: str
    message: str
    again: float = 60.0
    """Seconds until a refused store gets another look: what stands in its way may be nothing we watch."""
    undecided: bool = False
    """Whether it is not known if it can be served, as the API server does not let it be tried."""
