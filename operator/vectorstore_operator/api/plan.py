"""`VectorStorePlan`: a class of stores, cluster-scoped, as StorageClass is for volumes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vectorstore_instance.settings import Model as ModelName
from vectorstore_instance.settings import Precision
from vectorstore_operator.api.access import AllowedNamespaces
from vectorstore_operator.api.backup import PlanBackup
from vectorstore_operator.api.base import SET, Brief, Conditions, Model
from vectorstore_operator.api.embedding import Endpoints
from vectorstore_operator.api.exposure import Exposure
from vectorstore_operator.api.limits import PlanLimits
from vectorstore_operator.api.network import PlanNetwork
from vectorstore_operator.api.plan_rollout import Maintenance, PlanRollout, Rollout
from vectorstore_operator.api.quantities import Cpus, Size
from vectorstore_operator.api.rollout import Version
from vectorstore_operator.api.rules import Check, Ruled
from vectorstore_operator.api.scheduling import Scheduling
from vectorstore_operator.api.storage import PlanStorage
from vectorstore_operator.api.urls import DocumentUrl, UrlPrefix

REPLICAS = Check(
    rule="self.min <= self.max",
    message="replicas.min is above replicas.max",
    holds=lambda stated: stated.min <= stated.max,
)


class Replicas(Ruled):
    """How many pods a store of this plan may have; ordinal 0 writes, the others follow it."""

    rules = (REPLICAS,)
    min: int = Field(1, ge=1, le=16)
    """The fewest pods."""
    max: int = Field(1, ge=1, le=16)
    """The most pods; above `min` a HorizontalPodAutoscaler chooses."""
    cpu_percent: int = Field(70, ge=10, le=100)
    """CPU use, in percent of the request, that the autoscaler aims at."""
    memory_percent: int | None = Field(None, ge=10, le=100)
    """Memory use, in percent of a pod's, that it aims at besides; omitted = memory is not looked at."""


class Cpu(Model):
    """CPU of one pod."""

    request: Cpus = "250m"
    """What the scheduler keeps free."""
    limit: Cpus = "1"
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
    memory: Size | None = None
    """Memory of one pod: at least what the document ceiling needs, which is also the default."""
    storage: PlanStorage = PlanStorage()
    """The volume of one pod."""
    scratch: Size | None = None
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
    versions: Annotated[list[Version], Field(max_length=32, json_schema_extra=SET)] | None = None
    """Tags of the instance's image that stores may ask for, beside the operator's release; omitted = none."""
    rollout: Rollout = Rollout()
    """How changes of the plan reach its stores."""
    maintenance: Maintenance | None = None
    """When; omitted = at any time."""
    backup: PlanBackup | None = None
    """How stores are backed up; omitted = not at all."""


class PlanStatus(Model):
    """What the operator makes of the plan."""

    observed_generation: int | None = None
    """The generation of the spec this speaks of."""
    memory: Brief | None = None
    """Memory of one pod."""
    storage: Brief | None = None
    """Size of one pod's volume."""
    stores: int | None = None
    """Stores that have the plan."""
    rollout: PlanRollout | None = None
    """How far the plan as it is has reached them."""
    conditions: Conditions = []
    """Accepted: whether stores may use the plan. RolledOut: whether they have it as it is."""
