"""What one store should consist of: a pure builder per kind, listed in phases by `desired`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object as JSON."""

Children = Mapping[tuple[str, str], Object]
"""A store's live children: (kind, name) -> object."""


@dataclass(frozen=True)
class Platform:
    """What the operator's installation gives every store."""

    image: str
    """Image of an instance."""
    operator_namespace: str
    """Where the operator runs: it may reach the management port."""
    operator_labels: Mapping[str, str]
    """Labels of the operator's pods."""
    run_as: int | None = 10001
    """User and group of an instance's pod; None where the platform chooses them."""
    image_pull_policy: str = "IfNotPresent"
    """When nodes fetch the image."""
