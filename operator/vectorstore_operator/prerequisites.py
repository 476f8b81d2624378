"""What a store depends on and does not own: asked of the API server when it is looked at, as no watch tells of it.

Namespaces are asked for only where a plan goes by their labels, Secrets and PriorityClasses only where
pods are to start with one. What is missing is a refusal, so the store stays as it last was: pods that run are never
replaced by pods that could not start. It is looked at again by itself.
"""

from __future__ import annotations

from vectorstore_operator import diff, permits
from vectorstore_operator.cluster import Cluster
from vectorstore_operator.kinds import NAMESPACE, PRIORITY_CLASS, SECRET
from vectorstore_operator.names import EMBEDDING_KEY
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.plan import Resolved
from vectorstore_operator.pods import rollout
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import Platform, certificate, remote, scheduling
from vectorstore_operator.render.egress import unreachable
from vectorstore_operator.render.meta import hashed
from vectorstore_operator.render.statefulset import stateful_set


async def missing(cluster: Cluster, store: Resolved, children: Children) -> Refusal | None:
    """What the store cannot be brought about without.

    Args:
        cluster: is asked.
        store: what should be.
        children: what it consists of and what of that is `staying`.

    Raises:
        ClusterError: the API server did not say.
    """
    plan = store.plan
    labels: dict[str, str] = {}
    if plan.spec.allowed_namespaces and plan.spec.allowed_namespaces.match_labels is not None:
        namespace = await cluster.get(NAMESPACE, None, store.namespace) or {"metadata": {}}
        labels = namespace["metadata"].get("labels") or {}
    if refusal := permits.namespace_refused(plan.name, plan.spec, store.namespace, labels) or unreachable(store):
        return refusal
    if store.hibernated:
        return None  # nothing is to start
    if (priority := scheduling.unseen_priority(store, children)) and not await cluster.get(
        PRIORITY_CLASS, None, priority
    ):
        return scheduling.priority_missing(plan.name, priority)
    if (tls := store.spec.tls) and not certificate.settled(store, children):
        found = await cluster.get(SECRET, store.namespace, tls.secret_name)
        if refusal := certificate.missing(tls.secret_name, found):
            return refusal
    engine = store.remote.secret_name if store.remote else None
    if engine is not None and not settled(store, children, engine):
        found = await cluster.get(SECRET, store.namespace, engine)
        if refusal := remote.missing(store, found):
            return refusal
    if store.embedding.secret is None or settled(store, children, store.embedding.secret):
        return None
    return secret_missing(store, await cluster.get(SECRET, store.namespace, store.embedding.secret))


def staying(store: Resolved, platform: Platform, children: Children) -> Children:
    """The children without a StatefulSet that is to change: its pods need anew all that they once started with."""
    scheduled = store.plan.spec.scheduling
    if not (store.spec.tls or store.remote or store.embedding.secret or scheduled):
        return children  # they need nothing
    wanted = hashed(stateful_set(store, platform, children))
    changing = diff.to_apply((wanted,), children)
    return {name: child for name, child in children.items() if not changing or name != key(wanted)}


def settled(store: Resolved, children: Children, secret: str) -> bool:
    """Whether all pods run with this very Secret: they have the key, and need not start."""
    live = children.get(("StatefulSet", store.name))
    if live is None or not rollout(live, store.replicas).done:
        return False
    volumes = live["spec"]["template"]["spec"].get("volumes") or ()
    return any((volume.get("secret") or {}).get("secretName") == secret for volume in volumes)


def secret_missing(store: Resolved, live: Object | None) -> Refusal | None:
    """Why pods could not start with a Secret."""
    name = store.embedding.secret
    if live is None:
        what = f"there is no Secret {name!r} in namespace {store.namespace}"
    elif not (live.get("data") or {}).get(EMBEDDING_KEY):
        what = f"Secret {name!r} in namespace {store.namespace} has no entry {EMBEDDING_KEY}, or an empty one"
    else:
        return None
    own = store.spec.embedding and store.spec.embedding.secret_name
    field = "spec.embedding.secretName" if own else f"secretName of {store.model} in plan {store.plan.name}"
    return Refusal(
        "SecretMissing",
        f"{field}: {what}, which the model's endpoint wants; put the key there: kubectl create secret generic {name} "
        f"-n {store.namespace} --from-file={EMBEDDING_KEY}=FILE",
        again=5,
    )
