"""What one store should consist of: a pure builder per kind, listed in phases by `desired`."""

from __future__ import annotations

from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.platform import Platform

__all__ = ["Children", "Object", "Platform", "desired"]


def desired(store: Resolved, platform: Platform, children: Children) -> tuple[tuple[Object, ...], ...]:
    """All that a store should consist of, in the order it is to be applied."""
    raise NotImplementedError
