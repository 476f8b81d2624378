"""What a step of a store follows from, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from vectorstore_operator.objects import Object
from vectorstore_operator.observe.rolled import Rolled
from vectorstore_operator.plan import Plan
from vectorstore_operator.rollout.edition import Edition
from vectorstore_operator.rollout.marks import Marks
from vectorstore_operator.rollout.turns import Held


@dataclass(frozen=True)
class Checkpoint:
    """How the checkpoint before a move stands: taken, failed, or under way."""

    taken: bool = False
    failed: str | None = None
    """Why there is none; stays while it is tried again."""
    again: float | None = None
    """In how many seconds it is tried again."""
    due: bool = False
    """Whether it is to be tried again now."""


@dataclass(frozen=True)
class Known:
    """What a step follows from."""

    store: Object
    plan: Plan
    """As it is."""
    image: str
    """The one aimed at."""
    asked: bool
    """Whether the owner names it."""
    release: str
    """The operator's own."""
    marks: Marks | None
    """What the children say; None before there are any, or by an operator that made no marks."""
    running: str | None
    """The image of the pods there are."""
    hibernated: bool
    now: datetime
    serves: Callable[[Edition], bool]
    """Whether the store's own spec is accepted under an edition."""
    restarts: Callable[[Edition, Edition], bool]
    """Whether pods of one edition are to be replaced for another."""
    gate: Callable[[Edition, datetime], datetime | str | None]
    """How the pods of an edition fare that there have been since then: see `gate`."""
    checkpoint: Callable[[str], Checkpoint | None]
    """How the checkpoint before the move to an edition stands, by its digest; None where none was asked for."""
    held: Callable[[], Held | None]
    """What keeps the store from its turn."""

    def by_owner(self, edition: Edition) -> Edition:
        """What a store with this edition moves to by its owner's word: another image."""
        return replace(edition, image=self.image) if self.asked else edition

    def by_turn(self, edition: Edition) -> Edition:
        """What it moves to at its turn: the plan as it is, and the image unless that is the owner's to say.

        A hibernated store keeps its image: a new one is moved to when there are pods to judge it by.
        """
        under = edition.under(self.plan)
        return under if self.asked or self.hibernated else replace(under, image=self.image)


@dataclass(frozen=True)
class Step:
    """What is to be done in one look."""

    marks: Marks
    """What is rendered, and marked."""
    rolled: Rolled
    """What is told of it."""
    checkpoint: Edition | None = None
    """Take one, before the move to this."""
    wait: float | None = None
    """Seconds until the next look, where nothing tells of what is awaited."""
