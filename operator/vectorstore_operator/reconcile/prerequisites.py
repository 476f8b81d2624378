"""What a store depends on and does not own: asked of the API server when it is looked at, as no watch tells of it.

Namespaces are asked for only where a plan goes by their labels, Secrets and PriorityClasses only where
pods are to start with one. What is missing is a refusal, so the store stays as it last was: pods that run are never
replaced by pods that could not start. It is looked at again by itself.
"""

from __future__ import annotations

from vectorstore_operator import diff
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.kinds import NAMESPACE, PRIORITY_CLASS, SECRET
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.observe.pods import rollout
from vectorstore_operator.plan import Resolved, egress, permits
from vectorstore_operator.plan.secrets import lacking, needed
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import Platform
from vectorstore_operator.render.meta import hashed
from vectorstore_operator.render.statefulset import stateful_set

LABELS_AGAIN = 600.0
"""Seconds until the labels of a namespace are looked at again: a watch would need a right over all namespaces."""


async def lacks(cluster: Cluster, platform: Platform, store: Resolved, children: Children) -> Refusal | None:
    """What the store cannot be brought about without, where its pods may have to start; see `missing`."""
    return await missing(cluster, store, staying(store, platform, children))


async def missing(cluster: Cluster, store: Resolved, children: Children) -> Refusal | None:
    """What the store cannot be brought about without.

    Args:
        cluster: is asked.
        store: what should be.
        children: what it consists of and what of that is `staying`.

    Raises:
        ClusterError: the API server did not say.
    """
    if refusal := await _not_allowed(cluster, store) or egress.unreachable(store):
        return refusal
    if store.hibernated:
        return None  # nothing is to start
    pods = running(store, children)
    wanted = store.plan.spec.scheduling and store.plan.spec.scheduling.priority_class_name
    if wanted and pods.get("priorityClassName") != wanted and not await cluster.get(PRIORITY_CLASS, None, wanted):
        return priority_missing(store.plan.name, wanted)
    mounted = {(volume.get("secret") or {}).get("secretName") for volume in pods.get("volumes") or ()}
    for need in needed(store):
        if need.secret not in mounted:
            live = await cluster.get(SECRET, store.namespace, need.secret)
            if refusal := lacking(need, store.namespace, live):
                return refusal
    return None


def staying(store: Resolved, platform: Platform, children: Children) -> Children:
    """The children without a StatefulSet that is to change: its pods need anew all that they once started with."""
    if not (needed(store) or store.plan.spec.scheduling):
        return children  # they need nothing
    wanted = hashed(stateful_set(store, platform, children))
    changing = diff.to_apply((wanted,), children)
    return {name: child for name, child in children.items() if not changing or name != key(wanted)}


def again(store: Resolved) -> float | None:
    """In how many seconds an accepted store is to be looked at again, as no watch tells of it; None for never."""
    waits = (store.growth.wait, LABELS_AGAIN if _by_labels(store) else None)
    return min((seconds for seconds in waits if seconds is not None), default=None)


def running(store: Resolved, children: Children) -> Object:
    """The spec that all pods run with, and need not start with; {} while there is none."""
    live = children.get(("StatefulSet", store.name))
    pods: Object = live["spec"]["template"]["spec"] if live and rollout(live, store.replicas).done else {}
    return pods


def priority_missing(plan: str, name: str) -> Refusal:
    """What is told where no pod could be made."""
    return Refusal(
        "PriorityClassMissing",
        f"plan {plan}: scheduling.priorityClassName: no PriorityClass {name!r} is there; make it, or leave it out",
        again=15,
    )


async def _not_allowed(cluster: Cluster, store: Resolved) -> Refusal | None:
    plan = store.plan
    labels: dict[str, str] = {}
    if _by_labels(store):
        namespace = await cluster.get(NAMESPACE, None, store.namespace) or {"metadata": {}}
        labels = namespace["metadata"].get("labels") or {}
    return permits.namespace_refused(plan.name, plan.spec, store.namespace, labels)


def _by_labels(store: Resolved) -> bool:
    to = store.plan.spec.allowed_namespaces
    return to is not None and to.match_labels is not None
