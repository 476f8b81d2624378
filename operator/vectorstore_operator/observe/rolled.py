"""Which edition of its plan and of the release a store has: for its status, and for the condition UpdateAvailable."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from vectorstore_operator.api.rollout import RolloutStatus
from vectorstore_operator.conditions import Told, before
from vectorstore_operator.objects import Object

UPDATE_AVAILABLE = "UpdateAvailable"


@dataclass(frozen=True)
class Rolled:
    """Where a store is on its way to the newest edition."""

    version: str | None
    """What it runs."""
    status: RolloutStatus | None
    told: Told | None


def unjudged(store: Object) -> Rolled:
    """What was told last, but that it moves: of a store that is refused or paused nothing does, and others may."""
    status = store.get("status") or {}
    try:
        found = RolloutStatus.model_validate(status["rollout"] | {"moving": None}) if "rollout" in status else None
    except ValidationError:
        found = None  # a later release told it
    return Rolled(status.get("version"), found, before(store, UPDATE_AVAILABLE))
