"""From what should be and what is to what must be done about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Refusal


def to_apply(phase: tuple[Object, ...], children: Children) -> tuple[Object, ...]:
    """The objects of a phase that are missing or differ from what is stated of them."""
    raise NotImplementedError


def to_prune(phases: tuple[tuple[Object, ...], ...], children: Children) -> tuple[Object, ...]:
    """Live children that are not wanted any more; never what holds data, keys or the pods."""
    raise NotImplementedError


def conflicts(desired: Iterable[Object], children: Children) -> Refusal | None:
    """Why a child cannot be made: somebody else's object has its name."""
    raise NotImplementedError


def subset(wanted: Any, live: Any) -> bool:
    """Whether everything stated is there; what else is there does not matter."""
    raise NotImplementedError
