"""What is known of backups and grants: of each only what somebody asks for later, as there are thirty to a store.

What a backup's status says besides is read again where it is written. None of it is trusted with more than its
own namespace: who may write the status of a backup must not reach another's by it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from pydantic import ValidationError

from vectorstore_operator.api.backup import Phase, Policy
from vectorstore_operator.api.destination import OwnDestination
from vectorstore_operator.cluster.cache import Key, Place
from vectorstore_operator.cluster.kinds import GRANT
from vectorstore_operator.cluster.newest import Newest
from vectorstore_operator.conditions import condition
from vectorstore_operator.names import ADOPTED_ANNOTATION, SCHEDULED_LABEL
from vectorstore_operator.objects import Object, canonical

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FINAL: frozenset[Phase | None] = frozenset({"Completed", "Failed"})
"""Phases in which nothing is to be done any more."""


class Item(NamedTuple):
    """Whom something is done for: a backup, or a store as far as its backups and restores go."""

    kind: Literal["backup", "store"]
    namespace: str
    name: str

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return Key(self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Backup:
    """A VectorStoreBackup."""

    key: Key
    uid: str
    created: datetime
    generation: int
    deleting: bool
    """Whether its object goes."""
    scheduled: bool
    """Whether a schedule made it."""
    adopted: bool
    """Whether it stands for an archive that was there before it."""
    store: str
    """The name of its VectorStore, of the same namespace."""
    policy: Policy
    """Whether the archive goes with the object."""
    verify: bool | None
    """Whether it is to be proven; None is as its store or plan says."""
    phase: Phase | None
    """None until somebody looked at it."""
    store_uid: str | None
    plan: str | None
    """The plan whose destination has it, or that allowed the store's own; None where none is chosen yet."""
    own: OwnDestination | None
    """The store's own destination that has it."""
    started: datetime | None
    taken: datetime | None
    """When the snapshot was taken."""
    completed: datetime | None
    """When it was done with, well or not."""
    verified_at: datetime | None
    """When the last drill held."""
    seconds: float | None
    size: int | None
    """Bytes of the archive."""
    bytes: int | None
    """Bytes it takes unpacked."""
    attempts: int
    complete: bool | None
    """The condition Complete: None is Unknown, or not told."""
    complete_reason: str
    verified: bool | None
    """The condition Verified, likewise."""
    verified_reason: str

    @property
    def item(self) -> Item:
        """As something to look at."""
        return Item("backup", *self.key)

    @property
    def of(self) -> Key:
        """The store."""
        return Key(self.key.namespace, self.store)

    @property
    def final(self) -> bool:
        """Whether nothing is to be done for it any more."""
        return self.phase in FINAL

    @property
    def blank(self) -> bool:
        """Whether somebody else is to write its status: until then nothing is done for it."""
        return self.adopted and self.phase is None

    @property
    def good(self) -> bool:
        """Whether it is complete, and proven where it is to be."""
        return self.phase == "Completed" and self.complete is True

    @property
    def age_order(self) -> tuple[datetime, str]:
        """Sorts the backups of a store by age, the oldest first."""
        return self.created, self.key.name


@dataclass(frozen=True, slots=True)
class Grant:
    """A VectorStoreBackupGrant."""

    key: Key
    namespaces: frozenset[str]
    """Whose stores may be restored."""
    names: frozenset[str] | None
    """From these backups; None is all of the namespace."""

    def allows(self, namespace: str, backup: str) -> bool:
        """Whether stores of a namespace may be restored from a backup."""
        return namespace in self.namespaces and (self.names is None or backup in self.names)


class Shelf:
    """All backups and grants; filled by `watching`, and by the answers to own writes."""

    def __init__(self) -> None:
        self._backups, self._grants = Newest(backup), Newest(grant)
        self._of: dict[Key, dict[str, Backup]] = {}
        self.absent: set[str] = set()
        """Kinds that this cluster does not have."""

    def __len__(self) -> int:
        """Backups."""
        return len(self._backups)

    def get(self, key: Key) -> Backup | None:
        """A backup as last seen."""
        return self._backups.get(key)

    def all(self) -> list[Backup]:
        """All backups; may be asked for on another thread."""
        return self._backups.all()

    def of(self, namespace: str, store: str) -> list[Backup]:
        """The backups of a store, the oldest first, also of those that had its name before."""
        return sorted(self._of.get(Key(namespace, store), {}).values(), key=lambda each: each.age_order)

    def grants(self, namespace: str) -> list[Grant]:
        """What a namespace allows others."""
        return [each for each in self._grants.all() if each.key.namespace == namespace]

    def put(self, obj: Object) -> Backup | Grant | None:
        """Keeps an object that is newer than what is known; returns it if so."""
        if obj["kind"] == GRANT.name:
            return self._grants.put(obj)
        key = Key(obj["metadata"]["namespace"], obj["metadata"]["name"])
        before, now = self._backups.get(key), self._backups.put(obj)
        if now is not None:
            if before is not None and before.store != now.store:
                self._unlist(before)
            self._of.setdefault(now.of, {})[now.key.name] = now
        return now

    def drop(self, obj: Object) -> Backup | Grant | None:
        """Forgets an object that was deleted, unless a newer one has its name; returns it as it was."""
        if obj["kind"] == GRANT.name:
            return self._grants.drop(obj)
        gone = self._backups.drop(obj)
        if gone is not None:
            self._unlist(gone)
        return gone

    def retain(self, kind: str, namespace: str | None, places: Iterable[Place], version: str) -> list[Backup | Grant]:
        """Forgets what a listing did not have; returns it."""
        alive = (Key(*place[1:]) for place in places)
        if kind == GRANT.name:
            return list(self._grants.retain(namespace, alive, int(version)))
        gone = self._backups.retain(namespace, alive, int(version))
        for each in gone:
            self._unlist(each)
        return list(gone)

    def _unlist(self, gone: Backup) -> None:
        listed = self._of.get(gone.of, {})
        listed.pop(gone.key.name, None)
        if not listed:
            self._of.pop(gone.of, None)


def backup(obj: Object) -> Backup:
    """What is kept of a VectorStoreBackup; what cannot be read is left out."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    phase, proof = status.get("phase"), status.get("verified") or {}
    complete, verified = condition(obj, "Complete"), condition(obj, "Verified")
    return Backup(
        key=Key(sys.intern(meta["namespace"]), meta["name"]),
        uid=meta["uid"],
        created=moment(meta.get("creationTimestamp")) or BEGINNING,
        generation=meta.get("generation", 0),
        deleting="deletionTimestamp" in meta,
        scheduled=(meta.get("labels") or {}).get(SCHEDULED_LABEL) == "true",
        adopted=(meta.get("annotations") or {}).get(ADOPTED_ANNOTATION) == "true",
        store=sys.intern(str(spec.get("store") or "")),
        policy="Delete" if spec.get("deletionPolicy") == "Delete" else "Retain",
        verify=spec.get("verify"),
        phase=phase if phase in get_args(Phase) else None,
        store_uid=_shared(status.get("storeUid")),
        plan=_shared(status.get("plan")),
        own=_own(canonical(status["own"])) if status.get("own") else None,
        started=moment(status.get("startedAt")),
        taken=moment(status.get("takenAt")),
        completed=moment(status.get("completedAt")),
        verified_at=moment(proof.get("at")),
        seconds=status.get("seconds"),
        size=status.get("size"),
        bytes=status.get("bytes"),
        attempts=status.get("attempts") or 0,
        complete=_holds(complete),
        complete_reason=_shared(complete.get("reason")) or "",
        verified=_holds(verified),
        verified_reason=_shared(verified.get("reason")) or "",
    )


def grant(obj: Object) -> Grant:
    """What is kept of a VectorStoreBackupGrant."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    listed = spec.get("names")
    return Grant(
        key=Key(meta["namespace"], meta["name"]),
        namespaces=frozenset(spec.get("from") or ()),
        names=None if listed is None else frozenset(listed),
    )


def moment(told: str | None) -> datetime | None:
    """A moment as a status tells it; None where there is none, or none that can be read."""
    try:
        read = datetime.fromisoformat(told) if told else None
    except ValueError:
        return None
    return read if read is None or read.tzinfo else read.replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _own(text: str) -> OwnDestination | None:
    """The same object for all backups of a store, read once."""
    try:
        return OwnDestination.model_validate_json(text)
    except ValidationError:
        return None


def _holds(one: Object) -> bool | None:
    return {"True": True, "False": False}.get(one.get("status", ""))


def _shared(text: str | None) -> str | None:
    return sys.intern(text) if text else None
