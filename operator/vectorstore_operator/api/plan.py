"""`VectorStorePlan`: a class of stores, cluster-scoped, as StorageClass is for volumes."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from vectorstore_instance.settings import Model as ModelName
from vectorstore_instance.settings import Precision
from vectorstore_operator.api.base import Conditions, Model, Quantity, Rule, cel
from vectorstore_operator.api.embedding import Endpoints
from vectorstore_operator.api.limits import PlanLimits
from vectorstore_operator.api.storage import PlanStorage

REPLICAS_RULE = Rule(rule="self.min <= self.max", message="replicas.min is above replicas.max")

PEER_RULE = Rule(
    rule="!has(self.ipBlock) || (!has(self.namespaceSelector) && !has(self.podSelector))",
    message="ipBlock does not go together with namespaceSelector or podSelector; make two peers of them",
)

Labels = Annotated[
    dict[str, Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]],
    Field(max_length=16),
]


class Replicas(Model):
    """How many pods a store of this plan may have; ordinal 0 writes, the others follow it."""

    model_config = ConfigDict(json_schema_extra=cel(REPLICAS_RULE))
    min: int = Field(1, ge=1, le=16)
    """The fewest pods."""
    max: int = Field(1, ge=1, le=16)
    """The most pods; above `min` a HorizontalPodAutoscaler chooses."""
    cpu_percent: int = Field(70, ge=10, le=100)
    """CPU use, in percent of the request, that the autoscaler aims at."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(REPLICAS_RULE.message)
        return self


class Cpu(Model):
    """CPU of one pod."""

    request: Quantity = "250m"
    """What the scheduler keeps free."""
    limit: Quantity = "1"
    """What a pod gets at most."""


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


class PlanSpec(Model):
    """What stores of this plan may hold and what they get for it."""

    documents: int = Field(ge=1, le=100_000_000)
    """The document ceiling: the default and the most that a store's quota can be."""
    dimension: int = Field(384, ge=1, le=65536)
    """The dimension the arithmetic reckons with, and the longest vector a collection may hold."""
    models: Annotated[list[ModelName], Field(min_length=1, max_length=16)] = ["all-MiniLM-L6-v2", "none"]
    """The embedding models a store of this plan may have, beside those of `embeddings`."""
    precision: Precision = "fp32"
    """How a model that runs in the store computes: int8 takes half the CPU and is less exact. A store keeps what it
    began with."""
    embeddings: Endpoints | None = None
    """Models behind endpoints that a store of this plan may have."""
    default: bool = False
    """Stores that name no plan get this one; only one plan may say so."""
    replicas: Replicas = Replicas()
    """How many pods."""
    cpu: Cpu = Cpu()
    """CPU of one pod."""
    memory: Quantity | None = None
    """Memory of one pod: at least what the document ceiling needs, which is also the default."""
    storage: PlanStorage = PlanStorage()
    """The volume of one pod."""
    network: PlanNetwork = PlanNetwork()
    """Who reaches the tenant port."""
    limits: PlanLimits | None = None
    """What a store may do besides; omitted = the instance's own defaults."""


class PlanStatus(Model):
    """What the operator makes of the plan."""

    observed_generation: int | None = None
    """The generation of the spec this speaks of."""
    memory: str | None = None
    """Memory of one pod."""
    storage: str | None = None
    """Size of one pod's volume."""
    conditions: Conditions = []
    """Accepted: whether stores may use the plan."""
