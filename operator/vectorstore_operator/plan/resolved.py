"""A plan with its sizes, and a store in full: what `resolve` makes and everything else reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vectorstore_instance.settings import NO_MODEL, Limits
from vectorstore_operator.api.engine import RemoteEngine
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.plan import limits, sizing
from vectorstore_operator.plan.embedding import Embedding
from vectorstore_operator.plan.remote import remote_of
from vectorstore_operator.plan.volume import Growth


@dataclass(frozen=True)
class Plan:
    """A plan with its name and the sizes that follow from it."""

    name: str
    spec: PlanSpec
    memory: int
    storage: int


@dataclass(frozen=True)
class Resolved:
    """All that is to be known of one store before anything of it is made."""

    name: str
    namespace: str
    uid: str
    generation: int
    tenant_id: str
    plan: Plan
    embedding: Embedding
    documents: int
    replicas: int
    growth: Growth
    storage_class: str | None
    delete_volumes: bool
    spec: StoreSpec
    """As given, for what no plan fills in."""
    image: str | None = None
    """Of its pods; None is the platform's."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Annotations by which it is known what it was made from."""

    @property
    def remote(self) -> RemoteEngine | None:
        """The engine elsewhere, which keeps the data; None where the store does."""
        return remote_of(self.spec)

    @property
    def memory(self) -> int:
        """Bytes of one pod's memory."""
        if self.remote is None:
            return self.plan.memory
        return min(self.plan.memory, sizing.door_bytes(embeds=self.embedding.precision is not None))

    @property
    def storage(self) -> int:
        """Bytes that a pod's volume asks for."""
        return self.growth.size

    @property
    def hibernated(self) -> bool:
        """Whether no pods run: the one way to none."""
        return self.replicas == 0

    @property
    def model(self) -> str:
        """What makes the store's vectors."""
        return self.embedding.model

    @property
    def dimension(self) -> int:
        """How long they are."""
        return self.embedding.dimension

    @property
    def embeds(self) -> bool:
        """Whether the store turns text into vectors."""
        return self.model != NO_MODEL

    @property
    def limits(self) -> Limits:
        """What the tenant may do, as the instance reads it."""
        return Limits(
            generation=self.generation,
            plan=self.plan.name,
            max_documents=self.documents,
            max_dimension=max(self.plan.spec.dimension, self.dimension),
            **limits.stated(self.plan.spec.limits, self.spec.quota, self.plan.spec.backup),
        )


@dataclass(frozen=True)
class Identity:
    """Which store: the metadata that a spec needs to become children."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
