"""From children to the status of a store, and from the arithmetic to that of a plan. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Plan, Refusal, Resolved


@dataclass(frozen=True)
class Usage:
    """What an instance says it holds."""

    documents: int
    limit: int
    """The quota it keeps at the moment."""
    bytes: int = 0
    collections: int = 0


def status(
    store: Object, verdict: Resolved | Refusal, children: Children, usage: Usage | None, now: datetime
) -> Object:
    """The whole status of a store.

    Args:
        store: the VectorStore, with its last status.
        verdict: what it comes to, or why it is refused.
        children: what it consists of, answers to the last applies included.
        usage: what its instance holds, if that is known.
        now: for conditions that change.
    """
    raise NotImplementedError


def plan_status(plan: Object, verdict: Plan | Refusal, now: datetime) -> Object:
    """The whole status of a plan."""
    raise NotImplementedError
