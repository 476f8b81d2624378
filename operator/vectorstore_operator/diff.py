"""From what should be and what is to what must be done about it. Pure.

An object is left alone when the live one has everything that is stated of it, bears the digest of
exactly that, and nobody else states anything of it: the first finds edits by others, the second what
was stated once and is not any more, the third what others added. To be wrong on the side of applying
costs one request that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vectorstore_operator import names
from vectorstore_operator.objects import Children, Object, belongs, controller, key
from vectorstore_operator.ownership import edited
from vectorstore_operator.refusal import Refusal

PRUNED = (
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Ingress",
    "HTTPRoute",
    "Service",
    "ConfigMap",
    "ServiceAccount",
)
"""Kinds that may go when nobody states them. StatefulSets, Secrets and claims are not among them: they
go with their store, and a look at half a cache must never take pods, keys or data."""


def to_apply(phase: tuple[Object, ...], children: Children) -> tuple[Object, ...]:
    """The objects of a phase that are missing or differ from what is stated of them."""
    return tuple(obj for obj in phase if not _settled(obj, children.get(key(obj))))


def _settled(wanted: Object, live: Object | None) -> bool:
    if live is not None and "deletionTimestamp" in live["metadata"]:
        return True  # left to go: what takes its place is made when it is gone
    return live is not None and subset(wanted, live) and not edited(live)


def to_prune(phases: Iterable[tuple[Object, ...]], children: Children) -> tuple[Object, ...]:
    """Live children, controlled by the store, that are not wanted any more."""
    wanted = {key(obj): obj for phase in phases for obj in phase}
    uids = {owner["uid"] for obj in wanted.values() if (owner := controller(obj))}
    return tuple(
        live
        for name, live in children.items()
        if name not in wanted
        and live["kind"] in PRUNED
        and (owner := controller(live))
        and owner["uid"] in uids
        and "deletionTimestamp" not in live["metadata"]
    )


def conflicts(desired: Iterable[Object], children: Children) -> Refusal | None:
    """Why a child cannot be made: an object that is not the store's has its name.

    Args:
        desired: what one store should consist of.
        children: what is live, strangers with the names of children included.
    """
    for obj in desired:
        store = controller(obj)
        if store is None:
            continue
        for name in (key(obj), ("Secret", names.credentials(store["name"]))):
            live = children.get(name)
            if live is not None and not belongs(live, store["name"], store["uid"]):
                return _conflict(live, store["name"])
    return None


def subset(wanted: Any, live: Any) -> bool:
    """Whether everything stated is there; what else an object has does not matter, in lists it does."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(k in live and subset(v, live[k]) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(wanted) == len(live) and all(map(subset, wanted, live))
    return bool(wanted == live)


def _conflict(live: Object, store: str) -> Refusal:
    kind, name = key(live)
    owner = controller(live)
    if owner and (owner["kind"], owner["name"]) == ("VectorStore", store):
        remedy = "is what an earlier store of this name left; it goes by itself in a moment"
    else:
        whose = f"belongs to {owner['kind']} {owner['name']}" if owner else "was not made by this store"
        remedy = f"exists and {whose}; delete or rename it, or give the store another name than {store}"
    return Refusal("NameConflict", f"{kind} {name}: {remedy}")
