"""Conditions: what is told of an object now, with the time since when it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vectorstore_operator import times
from vectorstore_operator.api.base import Condition
from vectorstore_operator.objects import Object


@dataclass(frozen=True)
class Told:
    """A condition before it is known since when it holds."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def told(type_: str, holds: bool | None, reason: str, message: str) -> Told:
    """A condition; None is Unknown."""
    return Told(type_, "Unknown" if holds is None else "True" if holds else "False", reason, message)


def condition(about: Object, type_: str) -> Object:
    """A condition as it was told last, as JSON; {} where it was not."""
    known = (about.get("status") or {}).get("conditions") or ()
    return next((one for one in known if one["type"] == type_), {})


def restoring(store: Object) -> bool:
    """Whether a store is being restored, or its pods wait for an archive: before that is over no new pod answers."""
    phase = ((store.get("status") or {}).get("restore") or {}).get("phase")
    return phase == "Restoring" or condition(store, "Ready").get("reason") == "Restoring"


def before(about: Object, type_: str) -> Told | None:
    """A condition as it was told last."""
    one = condition(about, type_)
    return Told(type_, one["status"], one["reason"], one.get("message", "")) if one else None


def stamped(about: Object, news: Iterable[Told], now: datetime) -> list[Condition]:
    """The conditions of an object, in the order they are told.

    Args:
        about: the object, with its last status.
        news: what is told of it now.
        now: since when what changed holds.
    """
    since = {(c["type"], c["status"]): c["lastTransitionTime"] for c in about.get("status", {}).get("conditions") or ()}
    return [
        Condition(
            type=one.type,
            status=one.status,
            reason=one.reason,
            message=one.message[:2048],
            last_transition_time=since.get((one.type, one.status), times.time(now)),
            observed_generation=about["metadata"].get("generation", 0),
        )
        for one in news
    ]
