"""Who reaches a store and whom it reaches: the parts of a NetworkPolicy that a plan says."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from vectorstore_operator.api.base import Model, Rule, cel

PEER_RULE = Rule(
    rule="!has(self.ipBlock) || (!has(self.namespaceSelector) && !has(self.podSelector))",
    message="ipBlock does not go together with namespaceSelector or podSelector; make two peers of them",
)

Labels = Annotated[
    dict[str, Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]],
    Field(max_length=16),
]


class LabelSelector(Model):
    """Objects by their labels; empty = all."""

    match_labels: Labels = {}
    """Labels an object must have, each with this value."""


class IpBlock(Model):
    """A range of addresses."""

    cidr: Annotated[str, Field(max_length=43)]
    """Such as 10.0.0.0/8."""

    @field_validator("cidr")
    @classmethod
    def _is_a_range(cls, cidr: str) -> str:
        # CEL has isCIDR since Kubernetes 1.31 only.
        ip_network(cidr, strict=False)
        return cidr


class Peer(Model):
    """Where clients may come from: a NetworkPolicy peer."""

    model_config = ConfigDict(json_schema_extra=cel(PEER_RULE))
    namespace_selector: LabelSelector | None = None
    """Namespaces by label; omitted = the store's own."""
    pod_selector: LabelSelector | None = None
    """Pods by label; omitted = all."""
    ip_block: IpBlock | None = None
    """Addresses; not together with the selectors."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.ip_block and (self.namespace_selector or self.pod_selector):
            raise ValueError(PEER_RULE.message)
        return self


class PlanNetwork(Model):
    """Who reaches the tenant port."""

    clients: Annotated[list[Peer], Field(max_length=16)] | None = None
    """Where clients may come from; omitted = pods of the store's own namespace."""
