"""What the operator has seen: stores, plans and the stores' children, trimmed and by owner.

Filled by kopf's index handlers, by the children's watches and by the answers to the operator's own
writes. Of two editions the newer stays, whichever way they arrive: so an answer is never overwritten
by the older news of a watch, and the echo of an own write makes no work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from vectorstore_operator.kinds import PLAN, STORE
from vectorstore_operator.names import MANAGER, STORE_LABEL
from vectorstore_operator.objects import Object
from vectorstore_operator.ownership import edited

SELECTOR = f"app.kubernetes.io/managed-by={MANAGER}"
"""Selects the children of all stores."""


class Key(NamedTuple):
    """A store, or a plan, whose namespace is empty."""

    namespace: str
    name: str


class Cache:
    """Objects by owner."""

    def __init__(self) -> None:
        self._stores: dict[Key, Object] = {}
        self._plans: dict[Key, Object] = {}
        self._children: dict[Key, dict[tuple[str, str], Object]] = {}
        self.absent: set[str] = set()
        """Kinds that this cluster does not have."""

    def store(self, key: Key) -> Object | None:
        """A store as last seen."""
        return self._stores.get(key)

    def plan(self, name: str) -> Object | None:
        """A plan as last seen."""
        return self._plans.get(Key("", name))

    def everything(self) -> list[Key]:
        """All stores and plans."""
        return [*self._plans, *self._stores]

    def stores(self) -> dict[Key, Object]:
        """All stores."""
        return self._stores

    def plans(self) -> list[Object]:
        """All plans."""
        return list(self._plans.values())

    def children(self, key: Key) -> dict[tuple[str, str], Object]:
        """A store's children by (kind, name): a copy."""
        return dict(self._children.get(key, {}))

    def users(self, plan: str) -> Iterator[Key]:
        """Stores that have this plan, name it, or still look for one."""
        for key, store in self._stores.items():
            wanted = store.get("spec", {}).get("plan") or store.get("status", {}).get("plan")
            if wanted in (plan, None):
                yield key

    def has(self, key: Key) -> str | None:
        """The plan in force of a store that is there."""
        plan: str | None = self._stores.get(key, {}).get("status", {}).get("plan")
        return plan

    def having(self, plan: str) -> int:
        """How many stores have this plan."""
        return sum(self.has(key) == plan for key in self._stores)

    def put(self, obj: Object) -> Key | None:
        """Keeps an object that is newer than what is known; tells whose it is if so."""
        key = owner(obj)
        if key is None:
            return None
        shelf, name = self._shelf(key, obj)
        known = shelf.get(name)
        if known is not None and _version(known) >= _version(obj):
            return None
        shelf[name] = trim(obj)
        return key

    def drop(self, obj: Object) -> Key | None:
        """Forgets an object that was deleted, unless a newer one has its name; tells whose it was."""
        key = owner(obj)
        if key is None:
            return None
        shelf, name = self._shelf(key, obj)
        known = shelf.get(name)
        if known is None or _version(known) > _version(obj):
            return None
        del shelf[name]
        if key in self._children and not self._children[key]:
            del self._children[key]
        return key

    def replace(self, kind: str, namespace: str | None, items: Iterable[Object], version: str) -> set[Key]:
        """Takes a listing: keeps what is newer, forgets what is gone; tells whose changed.

        Args:
            kind: what was listed.
            namespace: where; None is everywhere.
            items: all there is.
            version: resourceVersion of the listing; objects newer than it are not held to be gone.
        """
        listed = list(items)
        alive = {(o["metadata"].get("namespace", ""), o["metadata"]["name"]) for o in listed}
        changed = {key for o in listed if (key := self.put(o))}
        gone = [
            o
            for o in self._of(kind)
            if namespace in (None, o["metadata"].get("namespace"))
            and (o["metadata"].get("namespace", ""), o["metadata"]["name"]) not in alive
            and _version(o) <= int(version)
        ]
        return changed | {key for o in gone if (key := self.drop(o))}

    def _of(self, kind: str) -> Iterator[Object]:
        if kind == STORE.name:
            return iter(self._stores.values())
        if kind == PLAN.name:
            return iter(self._plans.values())
        return (o for family in self._children.values() for (k, _), o in family.items() if k == kind)

    def _shelf(self, key: Key, obj: Object) -> tuple[dict[Any, Object], Key | tuple[str, str]]:
        if obj["kind"] == STORE.name:
            return self._stores, key
        if obj["kind"] == PLAN.name:
            return self._plans, key
        return self._children.setdefault(key, {}), (obj["kind"], obj["metadata"]["name"])


def owner(obj: Object) -> Key | None:
    """The store an object belongs to: itself, its controller's name, or what its label says."""
    meta = obj["metadata"]
    namespace = meta.get("namespace", "")
    if obj["kind"] in (STORE.name, PLAN.name):
        return Key(namespace, meta["name"])
    for reference in meta.get("ownerReferences", ()):
        if reference["kind"] == STORE.name and reference.get("controller"):
            return Key(namespace, reference["name"])
    instance = meta.get("labels", {}).get(STORE_LABEL)
    return Key(namespace, instance) if instance else None


def trim(obj: Object) -> Object:
    """The object without what nobody here reads: what a pod runs, and who manages which field.

    The latter is kept of children in which somebody else states what is the operator's to state: it is
    how `diff` knows them.
    """
    meta = dict(obj["metadata"])
    if not edited(obj):
        meta.pop("managedFields", None)
    kept = {**obj, "metadata": meta}
    if obj["kind"] == "Pod":
        kept["spec"] = {"nodeName": obj.get("spec", {}).get("nodeName")}
    return kept


def _version(obj: Object) -> int:
    # Comparable as numbers: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    return int(obj["metadata"].get("resourceVersion", 0))
