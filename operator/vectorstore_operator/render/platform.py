"""What the operator's installation gives every store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vectorstore_operator.objects import Object


@dataclass(frozen=True)
class Platform:
    """What is the same for all stores of one operator."""

    image: str
    """Image of an instance."""
    operator_namespace: str
    """Where the operator runs: it may reach the management port."""
    operator_labels: Mapping[str, str]
    """Labels of the operator's pods."""
    secret: bytes = field(repr=False)
    """What the tokens between operator and instances are derived from."""
    run_as: int | None = 10001
    """User and group of an instance's pod; None where the platform chooses them."""
    image_pull_policy: str = "IfNotPresent"
    """When nodes fetch the image."""
    metrics_from: tuple[Object, ...] = ()
    """NetworkPolicy peers that may read metrics on the management port."""
