"""Where the pods of a plan's stores run, before which others, and how far apart."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vectorstore_operator.api.base import Model, Subdomain, keyed
from vectorstore_operator.api.network import LABEL_KEY, Labels, LabelValue
from vectorstore_operator.api.rules import Check, Ruled

LabelKey = Annotated[str, Field(pattern=LABEL_KEY, max_length=317)]
"""The key of a label or taint, such as topology.kubernetes.io/zone."""

ANY_KEY = Check(
    rule="has(self.key) || self.operator == 'Exists'",
    message="a toleration without key is for all taints; then operator must be Exists",
    holds=lambda stated: stated.key is not None or stated.operator == "Exists",
)

VALUE = Check(
    rule="!has(self.value) || self.operator == 'Equal'",
    message="a toleration's value goes with operator Equal",
    holds=lambda stated: stated.value is None or stated.operator == "Equal",
)

SECONDS = Check(
    rule="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
    message="tolerationSeconds goes with effect NoExecute",
    holds=lambda stated: stated.toleration_seconds is None or stated.effect == "NoExecute",
)


class Toleration(Ruled):
    """A taint of nodes that pods put up with."""

    rules = (ANY_KEY, VALUE, SECONDS)
    key: LabelKey | None = None
    """The taint's key; omitted = every one."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Whether its value matters."""
    value: LabelValue | None = None
    """Its value; omitted = none."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Its effect; omitted = all."""
    toleration_seconds: int | None = Field(None, ge=0, le=1_000_000)
    """How long pods stay once the taint is there; omitted = for ever."""


class Spread(Model):
    """How evenly a store's pods lie over the values of a node's label."""

    topology_key: LabelKey
    """The label: kubernetes.io/hostname, topology.kubernetes.io/zone."""
    max_skew: int = Field(1, ge=1, le=16)
    """By how many pods two values may differ."""
    when_unsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"] = "ScheduleAnyway"
    """What happens to a pod that would make it uneven."""


def _each_once(spreads: list[Spread]) -> list[Spread]:
    keys = [(spread.topology_key, spread.when_unsatisfiable) for spread in spreads]
    for key, what in keys:
        if keys.count((key, what)) > 1:
            raise ValueError(f"topologyKey {key} is given twice with {what}; leave one out")
    return spreads


Spreads = Annotated[
    list[Spread],
    Field(
        max_length=8,
        json_schema_extra=keyed("topologyKey", "whenUnsatisfiable"),
    ),
    AfterValidator(_each_once),
]
"""As in a pod, whose own list is keyed likewise: an apply with one twice is answered with a 500."""


class Scheduling(Model):
    """Where pods run."""

    node_selector: Labels = {}
    """Labels that a node must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=16)] = []
    """Taints that pods put up with, such as those of spot nodes, beside a minute of a node that does not answer."""
    priority_class_name: Subdomain | None = None
    """A PriorityClass; omitted = the cluster's default."""
    topology_spread: Spreads | None = None
    """Omitted = over nodes, as far as they go, where a store may have more than one pod."""
