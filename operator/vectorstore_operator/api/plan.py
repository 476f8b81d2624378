"""`VectorStorePlan`: a class of stores, cluster-scoped, as StorageClass is for volumes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from vectorstore_instance.settings import Model as ModelName
from vectorstore_instance.settings import Precision
from vectorstore_operator.api.access import AllowedNamespaces
from vectorstore_operator.api.base import Conditions, Model, Quantity, Rule, cel
from vectorstore_operator.api.embedding import Endpoints
from vectorstore_operator.api.exposure import Exposure
from vectorstore_operator.api.limits import PlanLimits
from vectorstore_operator.api.network import PlanNetwork
from vectorstore_operator.api.scheduling import Scheduling
from vectorstore_operator.api.storage import PlanStorage
from vectorstore_operator.api.urls import DocumentUrl, UrlPrefix

REPLICAS_RULE = Rule(rule="self.min <= self.max", message="replicas.min is above replicas.max")


class Replicas(Model):
    """How many pods a store of this plan may have; ordinal 0 writes, the others follow it."""

    model_config = ConfigDict(json_schema_extra=cel(REPLICAS_RULE))
    min: int = Field(1, ge=1, le=16)
    """The fewest pods."""
    max: int = Field(1, ge=1, le=16)
    """The most pods; above `min` a HorizontalPodAutoscaler chooses."""
    cpu_percent: int = Field(70, ge=10, le=100)
    """CPU use, in percent of the request, that the autoscaler aims at."""
    memory_percent: int | None = Field(None, ge=10, le=100)
    """Memory use, in percent of a pod's, that it aims at besides; omitted = memory is not looked at."""

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
    scratch: Quantity | None = None
    """Room for temporary files of one pod; omitted = 256Mi."""
    scheduling: Scheduling | None = None
    """Where pods run."""
    exposure: Exposure | None = None
    """A name outside the cluster for every store; omitted = none."""
    network: PlanNetwork = PlanNetwork()
    """Who reaches the tenant port."""
    document_urls: Annotated[list[DocumentUrl], Field(max_length=32)] | None = None
    """Where documents may be fetched from: beginnings of URLs, or `presigned`; omitted = nowhere."""
    issuers: Annotated[list[UrlPrefix], Field(max_length=32)] | None = None
    """Whose tokens stores may take: issuers, folders of issuers, or `*` for any; omitted = nobody's."""
    remote_engines: Annotated[list[UrlPrefix], Field(max_length=32)] | None = None
    """Chroma servers elsewhere that stores may have as their engine: URLs, folders of URLs, `*`; omitted = none."""
    allowed_namespaces: AllowedNamespaces | None = None
    """Whose stores may have the plan; omitted = all."""
    log_format: Literal["text", "json"] | None = None
    """How instances log; omitted = text."""
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
    stores: int | None = None
    """Stores that have the plan."""
    conditions: Conditions = []
    """Accepted: whether stores may use the plan."""
