"""The newest edition of every object of a kind, kept as what its reader makes of it.

As in `cache`: of two editions the newer stays, whichever way they arrive, and an answer that comes after the
news of its object's end does not bring that back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from vectorstore_operator.cluster.cache import ENDS, Key
from vectorstore_operator.objects import Object

T = TypeVar("T")


class Newest(Generic[T]):
    """Objects of one kind."""

    def __init__(self, read: Callable[[Object], T]) -> None:
        """
        Args:
            read: what is kept of an object.
        """
        self._read = read
        self._kept: dict[Key, tuple[int, str, T]] = {}
        self._ends: dict[str, int] = {}
        """The version at which an object, by its uid, was gone."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> T | None:
        """What is kept of an object."""
        entry = self._kept.get(key)
        return None if entry is None else entry[2]

    def all(self) -> list[T]:
        """All of them; may be asked for on another thread."""
        return [kept for _, _, kept in list(self._kept.values())]

    def put(self, obj: Object) -> T | None:
        """Keeps an object, and returns what is kept of it; None where it is not newer than what is known."""
        key, version, uid = _of(obj)
        known = self._kept.get(key)
        if version <= self._ends.get(uid, -1) or (known is not None and known[0] >= version):
            return None
        kept = self._read(obj)
        self._kept[key] = version, uid, kept
        return kept

    def drop(self, obj: Object) -> T | None:
        """Forgets an object that was deleted, and returns what was kept of it; None where a newer has its name."""
        key, version, uid = _of(obj)
        self._end(uid, version)
        known = self._kept.get(key)
        if known is None or known[0] > version:
            return None
        del self._kept[key]
        return known[2]

    def retain(self, namespace: str | None, alive: Iterable[Key], version: int) -> list[T]:
        """Forgets what a listing did not have, and returns what was kept of it.

        Args:
            namespace: where was listed; None is everywhere.
            alive: all that was listed.
            version: resourceVersion of the listing; objects newer than it are not held to be gone.
        """
        there = set(alive)
        gone = [
            (key, entry)
            for key, entry in self._kept.items()
            if namespace in (None, key.namespace) and key not in there and entry[0] <= version
        ]
        for key, (last, uid, _) in gone:
            self._end(uid, last)
            del self._kept[key]
        return [kept for _, (_, _, kept) in gone]

    def _end(self, uid: str, version: int) -> None:
        self._ends[uid] = version
        if len(self._ends) > ENDS:
            del self._ends[next(iter(self._ends))]


def _of(obj: Object) -> tuple[Key, int, str]:
    meta = obj["metadata"]
    return Key(meta.get("namespace", ""), meta["name"]), int(meta.get("resourceVersion", 0)), str(meta.get("uid", ""))
