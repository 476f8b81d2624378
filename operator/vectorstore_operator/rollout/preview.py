"""What a plan's change comes to: in words, field by field, and in numbers. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from vectorstore_operator import times
from vectorstore_operator.api.plan_rollout import CHANGE, CHANGES, PlanRollout
from vectorstore_operator.plan import Plan
from vectorstore_operator.quantity import from_bytes
from vectorstore_operator.rollout.edition import POLICY
from vectorstore_operator.rollout.members import Aim, Member
from vectorstore_operator.rollout.turns import Decision

LONGEST = 100
"""Characters of a value that are told."""


def changes(before: Plan, after: Plan) -> list[str]:
    """What stores get that they did not: `memory: 512Mi -> 1Gi`, the memory that follows from documents, too."""
    old, new = dict(_fields(_given(before))), dict(_fields(_given(after)))
    differing = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    told = [f"{name}: {old.get(name, 'none')} -> {new.get(name, 'none')}"[:CHANGE] for name in differing]
    return told if len(told) <= CHANGES else [*told[: CHANGES - 1], f"and {len(told) - CHANGES + 1} more"]


def usual(members: Iterable[Member], aim: Aim) -> Member | None:
    """A store that has the edition which most of those have that do not have the newest; None where all have it."""
    others = [m for m in members if m.edition not in (None, aim.plan)]
    counted = Counter(m.edition for m in others).most_common(1)
    return next((m for m in others if m.edition == counted[0][0]), None) if counted else None


def summary(
    members: Iterable[Member], aim: Aim, decision: Decision, told: list[str], opens: datetime | None
) -> PlanRollout:
    """Where the plan's stores stand, for its status.

    Args:
        members: the plan's stores.
        aim: the newest edition.
        decision: who may go.
        told: the `changes`.
        opens: when the next window opens, where none is open.
    """
    stores = list(members)
    stands = Counter(m.stand for m in stores)
    return PlanRollout(
        edition=aim.plan,
        state=decision.state,
        stores=len(stores),
        updated=stands["updated"],
        waiting=stands["waiting"],
        moving=stands["moving"],
        failed=stands["failed"],
        refused=stands["refused"],
        restarts=sum(m.pods for m in stores if m.stand == "waiting"),
        changes=told or None,
        next=times.time(opens) if opens else None,
    )


def _given(plan: Plan) -> dict[str, Any]:
    stated = plan.spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=set(POLICY))
    return stated | {"memory": from_bytes(plan.memory)}


def _fields(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every field by its path; a list is one value."""
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _fields(inner, f"{path}{name}.")
        else:
            text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
            yield f"{path}{name}", text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
