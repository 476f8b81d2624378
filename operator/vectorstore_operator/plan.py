"""From a store's spec and its plan to `Resolved`: every default filled in, every number proven.

Pure. The operator renders children from a `Resolved`, `vectorstore up` starts a process from it, and
both turn down what cannot work with the same words: `resolve` returns a `Refusal` for it, found by
the first of the `checks` that has something to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_instance.settings import MODEL_DIMENSIONS, NO_MODEL, Limits
from vectorstore_operator import embedding, exposure, limits, sizing
from vectorstore_operator.api.engine import RemoteEngine
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.storage import Storage
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.checks import refused
from vectorstore_operator.embedding import NEW, Before, Embedding
from vectorstore_operator.quantity import from_bytes, parse, to_bytes
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.remote import remote_of, remote_refused
from vectorstore_operator.volume import NO_GROWTH, NO_VOLUME, Growth, Volume, choose_volume, growth_refused


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
            **limits.stated(self.plan.spec.limits, self.spec.quota),
        )


@dataclass(frozen=True)
class Identity:
    """Which store: the metadata that a spec needs to become children."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0


def size_plan(name: str, spec: PlanSpec) -> Plan | Refusal:
    """A plan with its sizes, or why it cannot hold what it promises."""
    if refusal := embedding.plan_refused(name, spec):
        return refusal
    memory = sizing.memory_bytes(spec.documents, spec.dimension, embeds=any(m in MODEL_DIMENSIONS for m in spec.models))
    disk = sizing.disk_bytes(spec.documents, spec.dimension)
    auto = spec.storage.auto_grow
    holds = ("storage.autoGrow.max", auto.max, disk) if auto else ("storage.size", spec.storage.size, disk)
    for field, given, need in (("memory", spec.memory, memory), holds):
        if given is not None and to_bytes(given) < need:
            return Refusal(
                "PlanTooSmall",
                f"plan {name}: {field} {given} cannot hold {spec.documents} documents of dimension "
                f"{spec.dimension}, which need {from_bytes(need)}; raise {field}, leave it out, or lower documents",
            )
    if refusal := growth_refused(name, spec.storage):
        return refusal
    if spec.scratch and to_bytes(spec.scratch) < sizing.SCRATCH:
        least = from_bytes(sizing.SCRATCH)
        return Refusal("PlanInvalid", f"plan {name}: scratch {spec.scratch} is too little; give it {least} at least")
    if refusal := exposure.plan_refused(name, spec):
        return refusal
    if parse(spec.cpu.request) > parse(spec.cpu.limit):
        return Refusal(
            "PlanInvalid",
            f"plan {name}: cpu.request {spec.cpu.request} is above cpu.limit {spec.cpu.limit}; lower the request",
        )
    memory = to_bytes(spec.memory) if spec.memory else memory
    storage = to_bytes(spec.storage.size) if spec.storage.size else disk
    return limits.plan_refused(name, spec.limits, memory) or Plan(name, spec, memory, storage)


def choose_plan(wanted: str | None, pinned: str | None, plans: dict[str, PlanSpec]) -> str | Refusal:
    """The name of a store's plan: the one it names, else the one it has, else the default one."""
    name = wanted or pinned
    if name is not None:
        if name in plans:
            return name
        known = ", ".join(sorted(plans)) or "there is none"
        return Refusal("PlanNotFound", f"spec.plan: no VectorStorePlan {name!r}; known: {known}")
    defaults = sorted(n for n, spec in plans.items() if spec.default)
    if len(defaults) == 1:
        return defaults[0]
    if defaults:
        return Refusal(
            "PlanAmbiguous",
            f"spec.plan: left out, and several plans are the default: {', '.join(defaults)}; name one",
        )
    return Refusal("PlanNotFound", "spec.plan: left out, and no VectorStorePlan has default: true; name one")


def resolve(
    store: Identity, spec: StoreSpec, plan: Plan, volume: Volume = NO_VOLUME, before: Before = NEW
) -> Resolved | Refusal:
    """The store in full, or why not.

    Args:
        store: which one.
        spec: what its manifest says.
        plan: the plan in force.
        volume: what is known of its volume.
        before: what the store was first accepted with.
    """
    chosen = embedding.choose(plan.name, plan.spec, spec, before)
    if isinstance(chosen, Refusal):
        return chosen
    if refusal := remote_refused(plan.name, plan.spec, spec):
        return refusal
    wish, remote = spec.storage or Storage(), remote_of(spec)
    growth = NO_GROWTH if remote else choose_volume(volume, wish, plan.spec.storage, plan.storage)
    if isinstance(growth, Refusal):
        return growth
    # A quota that was left out is what the plan allows and the volume holds: a larger plan does not make
    # a volume grow, and must not lock its store out.
    room = sizing.most_documents(growth.room, chosen.dimension) if chosen.dimension else 0
    most = plan.spec.documents if remote else max(1, min(plan.spec.documents, room))
    documents = (spec.quota and spec.quota.documents) or most
    resolved = Resolved(
        name=store.name,
        namespace=store.namespace,
        uid=store.uid,
        generation=store.generation,
        tenant_id=spec.tenant_id or store.name,
        plan=plan,
        embedding=chosen,
        documents=documents,
        replicas=0 if spec.hibernated else min(max(spec.replicas, plan.spec.replicas.min), plan.spec.replicas.max),
        growth=growth,
        storage_class=wish.class_name or volume.class_name or plan.spec.storage.class_name,
        delete_volumes=spec.deletion_policy == "Delete",
        spec=spec,
    )
    return refused(resolved) or resolved
