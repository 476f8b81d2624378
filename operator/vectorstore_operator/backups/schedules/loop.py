"""The look at one store's schedule: it has a backup made when its time has come, and removed what is surplus.

What it remembers is in the store's status too, so that an operator that begins goes on from there. A backup bears the
time of the schedule in its name: none is ever made twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from vectorstore_operator.api.backup import ProtectionStatus
from vectorstore_operator.backups.known import BEGINNING, Backup, moment
from vectorstore_operator.backups.schedules.care import Care, care_of
from vectorstore_operator.backups.schedules.course import Course, counted, last_good, named, turn
from vectorstore_operator.backups.schedules.health import Health, health
from vectorstore_operator.backups.schedules.retention import in_use, surplus
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.errors import Conflict, Forbidden, Invalid
from vectorstore_operator.cluster.events import News
from vectorstore_operator.cluster.kinds import BACKUP
from vectorstore_operator.conditions import Told, before
from vectorstore_operator.names import SCHEDULED_LABEL, STORE_LABEL
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.backed import BACKUP_HEALTHY
from vectorstore_operator.refusal import Refusal

AT_LEAST = 3600.0
"""Seconds after which a store is looked at whatever happens: clocks may be put right meanwhile."""


class Schedules:
    """The schedules of all stores."""

    def __init__(
        self,
        tools: Tools,
        prune: Callable[[Sequence[Backup]], Awaitable[None]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            tools: what is worked with.
            prune: has backups of one store removed, and their archives.
            clock: tells what time it is.
        """
        self._tools, self._prune, self._clock = tools, prune, clock
        self._courses: dict[Key, tuple[str, Course]] = {}
        """How far stores have come, by their uids, as their status tells it or is to tell it."""
        self._denied: dict[Key, Refusal] = {}
        """Why the API server took no backup of a store."""

    def backed(self, key: Key, store: Object, now: datetime) -> tuple[ProtectionStatus | None, Told | None]:
        """What a store's status tells: `status.backup`, and the condition BackupHealthy."""
        care, backups = self._care(store), self._backups(key, store)
        if care is None:
            return None, None
        found = self._health(key, care, self._course(key, store, backups), backups, now)
        return found.protection, found.told

    async def look(self, key: Key) -> float | None:
        """One look. Returns in how many seconds another is wanted, or None.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
        """
        store = self._tools.cache.store(key)
        care = None if store is None or "deletionTimestamp" in store["metadata"] else self._care(store)
        if store is None or care is None:
            self._courses.pop(key, None)
            self._denied.pop(key, None)
            self._tell(key, store, None)
            return None
        backups, now = self._backups(key, store), self._clock()
        former = self._course(key, store, backups)
        course, due = turn(former, care.running, backups, now, care.asleep)
        if due:
            await self._make(key, due)
            backups = self._backups(key, store)
        self._denied.pop(key, None)
        if missed := course.skipped - former.skipped:
            await self._tools.recorder.tell(store, News("Warning", "BackupMissed", said_of(missed, due)))
        self._courses[key] = store["metadata"]["uid"], course
        found = self._health(key, care, course, backups, now)
        self._tell(key, store, found)
        if gone := surplus(backups, care.retention, care.zone):
            used = in_use(self._tools.cache.stores().values())
            await self._prune([b for b in gone if b.key not in used])
        waits = ((then - now).total_seconds() for then in (course.next, found.until) if then and then > now)
        return min((AT_LEAST, *waits))

    async def _make(self, key: Key, due: datetime) -> None:
        try:
            live = await self._tools.cluster.create(scheduled(key, due))
        except Conflict:
            return  # made by who led before
        except (Forbidden, Invalid) as error:
            self._denied[key] = Refusal(type(error).__name__, f"the API server takes no VectorStoreBackup: {error}")
            self._tools.changed(key)
            raise
        if isinstance(known := self._tools.shelf.put(live), Backup):
            self._tools.soon(known.item)

    def _tell(self, key: Key, store: Object | None, found: Health | None) -> None:
        """Has the status written where it does not say what there is to tell."""
        if store is None:
            return
        status = found and found.protection.model_dump(mode="json", by_alias=True, exclude_none=True)
        said = (store.get("status") or {}).get("backup"), before(store, BACKUP_HEALTHY)
        if (status, found and found.told) != said:
            self._tools.changed(key)

    def _care(self, store: Object) -> Care | None:
        plan = (store.get("status") or {}).get("plan")  # in force: what the spec names may not be for this store
        return care_of(store, self._tools.cache.plan(plan) if plan else None)

    def _backups(self, key: Key, store: Object) -> list[Backup]:
        """The backups of this store, none of one that had its name before; the oldest first."""
        uid, since = store["metadata"]["uid"], moment(store["metadata"].get("creationTimestamp")) or BEGINNING
        known = self._tools.shelf.of(key.namespace, key.name)
        return [b for b in known if b.store_uid == uid or (b.store_uid is None and b.created >= since)]

    def _course(self, key: Key, store: Object, backups: Sequence[Backup]) -> Course:
        uid, course = self._courses.get(key, ("", Course()))
        if uid != store["metadata"]["uid"]:
            course = Course.told((store.get("status") or {}).get("backup") or {}, backups)
        return course.with_good(last_good(backups))

    def _health(self, key: Key, care: Care, course: Course, backups: Sequence[Backup], now: datetime) -> Health:
        return health(replace(care, refusal=care.refusal or self._denied.get(key)), course, backups, now)


def scheduled(key: Key, due: datetime) -> Object:
    """The backup of a store for a time of its schedule; it outlives the store."""
    return {
        "apiVersion": BACKUP.api_version,
        "kind": BACKUP.name,
        "metadata": {
            "namespace": key.namespace,
            "name": named(key.name, due),
            "labels": {SCHEDULED_LABEL: "true", STORE_LABEL: key.name},
        },
        "spec": {"store": key.name, "deletionPolicy": "Delete"},
    }


def said_of(missed: int, due: datetime | None) -> str:
    """Words on times of a schedule that were missed; others than the one that is carried out, if one is."""
    why = "while no operator worked; one is made for the last" if due else "as the one before it is still being made"
    return f"{counted(missed)}, {why}"
