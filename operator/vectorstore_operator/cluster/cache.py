"""What the operator has seen: stores, plans and the stores' children, trimmed and by owner.

Filled by kopf's handlers, by the children's watches and by the answers to the operator's own
writes. Of two editions the newer stays, whichever way they arrive: so an answer is never overwritten
by the older news of a watch, and the echo of an own write makes no work. Nor does an answer that comes
after the news of its object's end bring that back, which nobody would ever tell of again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from vectorstore_operator.cluster.kinds import PLAN, STORE
from vectorstore_operator.names import MANAGER, STORE_LABEL
from vectorstore_operator.objects import Object
from vectorstore_operator.ownership import edited

SELECTOR = f"app.kubernetes.io/managed-by={MANAGER}"
"""Selects the children of all stores."""
ENDS = 10_000
"""How many deleted objects are remembered: more than ever go while one answer is on its way."""


class Key(NamedTuple):
    """A store, or a plan, whose namespace is empty."""

    namespace: str
    name: str


Place = tuple[str, str, str]
"""Kind, namespace and name of an object."""


class Cache:
    """Objects by owner."""

    def __init__(self) -> None:
        self._stores: dict[Key, Object] = {}
        self._plans: dict[Key, Object] = {}
        self._children: dict[Key, dict[tuple[str, str], Object]] = {}
        self._homes: dict[Place, Key] = {}
        """Whose each child was when last seen."""
        self._ends: dict[str, int] = {}
        """The version at which an object, by its uid, was gone."""
        self.absent: set[str] = set()
        """Kinds that this cluster does not have."""

    def store(self, key: Key) -> Object | None:
        """A store as last seen."""
        return self._stores.get(key)

    def plan(self, name: str) -> Object | None:
        """A plan as last seen."""
        return self._plans.get(Key("", name))

    def everything(self) -> list[Key]:
        """All plans and stores, in the order in which who begins to work looks at them.

        Of the stores first those that ask for something, who waits longest before; then those of which anything
        changed last, as nobody may have looked since.
        """
        newest = sorted(self._stores, key=self._newest, reverse=True)
        asking = [key for key in reversed(newest) if self.asks(key)]
        return [*self._plans, *dict.fromkeys([*asking, *newest])]

    def _newest(self, key: Key) -> int:
        return max(_version(obj) for obj in (self._stores[key], *self._children.get(key, {}).values()))

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

    def asks(self, key: Key) -> bool:
        """Whether a store that was looked at once has had its spec changed since: somebody waits for that."""
        store = self._stores.get(key, {})
        told = (store.get("status") or {}).get("observedGeneration")
        return told is not None and told != store["metadata"].get("generation")

    def having(self, plan: str) -> int:
        """How many stores have this plan."""
        return sum(self.has(key) == plan for key in self._stores)

    def put(self, obj: Object) -> Key | None:
        """Keeps an object that is newer than what is known; tells whose it is if so.

        Of a child that somebody gave to another store it tells whose it was: who has to get it back.
        """
        key = owner(obj)
        if key is None or _version(obj) <= self._ends.get(_uid(obj), -1):
            return None
        former = self._home(obj)
        shelf, name = self._shelf(former or key, obj)
        known = shelf.get(name)
        if known is not None and _version(known) >= _version(obj):
            return None
        if former is not None and former != key:
            self._forget(former, obj)
            shelf, name = self._shelf(key, obj)
        shelf[name] = trim(obj)
        if obj["kind"] not in (STORE.name, PLAN.name):
            self._homes[place(obj)] = key
        return former or key

    def drop(self, obj: Object) -> Key | None:
        """Forgets an object that was deleted, unless a newer one has its name; tells whose it was."""
        self._ends[_uid(obj)] = _version(obj)
        if len(self._ends) > ENDS:
            del self._ends[next(iter(self._ends))]
        key = self._home(obj) or owner(obj)
        if key is None:
            return None
        shelf, name = self._shelf(key, obj)
        known = shelf.get(name)
        if known is None or _version(known) > _version(obj):
            return None
        self._forget(key, obj)
        return key

    def take(self, items: Iterable[Object]) -> set[Key]:
        """Keeps what is newer; tells whose changed."""
        return {key for obj in items if (key := self.put(obj))}

    def retain(self, kind: str, namespace: str | None, places: Iterable[Place], version: str) -> set[Key]:
        """Forgets what a listing did not have; tells whose it was.

        Args:
            kind: what was listed.
            namespace: where; None is everywhere.
            places: of all that was listed.
            version: resourceVersion of the listing; objects newer than it are not held to be gone.
        """
        alive = set(places)
        gone = [
            o
            for o in self._of(kind)
            if namespace in (None, o["metadata"].get("namespace"))
            and place(o) not in alive
            and _version(o) <= int(version)
        ]
        return {key for o in gone if (key := self.drop(o))}

    def _home(self, obj: Object) -> Key | None:
        return self._homes.get(place(obj))

    def _forget(self, key: Key, obj: Object) -> None:
        shelf, name = self._shelf(key, obj)
        del shelf[name]
        self._homes.pop(place(obj), None)
        if key in self._children and not self._children[key]:
            del self._children[key]

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
    return {name: _shared(part) for name, part in kept.items()}


def _shared(value: Any) -> Any:
    """The same with the name of every field kept once for all objects: else names are a quarter of what is kept."""
    if isinstance(value, dict):
        return {sys.intern(name): _shared(part) for name, part in value.items()}
    return [_shared(part) for part in value] if isinstance(value, list) else value


def place(obj: Object) -> Place:
    """Where an object is, whichever it is."""
    meta = obj["metadata"]
    return obj["kind"], meta.get("namespace", ""), meta["name"]


def _uid(obj: Object) -> str:
    return str(obj["metadata"].get("uid", ""))


def _version(obj: Object) -> int:
    # Comparable as numbers: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    return int(obj["metadata"].get("resourceVersion", 0))
