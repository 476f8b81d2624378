"""From a store's spec and its plan to `Resolved`: every default filled in, every number proven.

Pure. The operator renders children from a `Resolved`, `vectorstore up` starts a process from it, and
both turn down what cannot work with the same words: `resolve` returns a `Refusal` for it, found by
the first of the `checks` that has something to say.
"""

from __future__ import annotations

from vectorstore_instance.settings import MODEL_DIMENSIONS
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.storage import Storage
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.plan import embedding, exposure, limits, sizing
from vectorstore_operator.plan.checks import refused
from vectorstore_operator.plan.embedding import NEW, Before
from vectorstore_operator.plan.remote import remote_of, remote_refused
from vectorstore_operator.plan.resolved import Identity, Plan, Resolved
from vectorstore_operator.plan.volume import NO_GROWTH, NO_VOLUME, Volume, choose_volume, growth_refused
from vectorstore_operator.quantity import from_bytes, parse, to_bytes
from vectorstore_operator.refusal import Refusal

LARGEST = 64 * 1024
"""Bytes of a plan's spec as JSON: stores are marked with the one they have and, while they move, the one they left, and
all annotations of an object have room for 256 KiB."""


def size_plan(name: str, spec: PlanSpec) -> Plan | Refusal:
    """A plan with its sizes, or why it cannot hold what it promises."""
    if (size := len(spec.model_dump_json(by_alias=True, exclude_unset=True))) > LARGEST:
        remedy = "shorten network, exposure.annotations or lists of URLs, or make several plans"
        return Refusal("PlanInvalid", f"plan {name}: spec has {size} bytes as JSON, above {LARGEST}; {remedy}")
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
    if refusal := growth_refused(name, spec.storage, sizing.disk_bytes(1, spec.dimension)):
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
        if name == pinned:
            why = f"VectorStorePlan {name!r} is gone, and the store stays as it is; make the plan again or name another"
            return Refusal("PlanNotFound", f"spec.plan: {why}; known: {known}")
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
