"""The look at what one store is to be restored from: it asks what is to be known, and starts the Job.

`restoring` decides. What it comes to is told in the store's status by whoever writes that; a Job is started in the
look that finds it there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from vectorstore_operator.api.restore import RestoreStatus
from vectorstore_operator.backups.jobs import leader
from vectorstore_operator.backups.known import Item
from vectorstore_operator.backups.restores.former import passed_over
from vectorstore_operator.backups.restores.hindrances import of_port
from vectorstore_operator.backups.restores.order import order_of, purpose_of
from vectorstore_operator.backups.restores.step import (
    WAIT,
    Ask,
    Hindrance,
    Next,
    Port,
    asked,
    begun,
    conditions,
    empty,
    failing,
    followed,
    hindered,
    recorded,
    refused,
    restored,
    taken_back,
    timeless,
)
from vectorstore_operator.backups.tenants.wishes import Wish, late
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.errors import Forbidden, Invalid
from vectorstore_operator.conditions import Told
from vectorstore_operator.objects import Object

log = logging.getLogger(__name__)

TOLD = 1.0
"""Seconds until it is looked whether the status has what it is to tell."""


class Restores:
    """The restores of all stores."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._news: dict[Key, tuple[str, RestoreStatus]] = {}
        """What is to be told of stores, by their uids, and does not stand in their status yet."""
        self._sources: dict[Key, str] = {}
        """Namespaces of the backups that stores wait for."""
        self._wishes: dict[Key, tuple[str, Wish]] = {}
        """What holders of keys ask for, with the stores' uids, until it is begun."""
        self._empty: dict[Key, str] = {}
        """Stores that wait for an archive that nobody asks for, with their uids."""

    def told(self, store: Object, now: datetime) -> tuple[RestoreStatus | None, Told | None, Told | None]:
        """What a store tells: `status.restore`, the condition Restored, and what Ready says meanwhile."""
        meta = store["metadata"]
        uid, status = self._news.get(Key(meta["namespace"], meta["name"]), ("", RestoreStatus()))
        if uid != meta["uid"]:
            status = recorded(store)
        restored_, waits = conditions(status, passed_over(store, status))
        if self._empty.get(Key(meta["namespace"], meta["name"])) == meta["uid"]:
            waits = empty(meta["name"])
        return None if status == RestoreStatus() else status, restored_, waits

    def awaiting(self, namespace: str) -> Iterator[Item]:
        """Stores that wait for a backup of a namespace, or a grant there: look again when one changes."""
        return (Item("store", *key) for key, source in list(self._sources.items()) if source == namespace)

    def wished(self, key: Key, uid: str, wish: Wish) -> None:
        """Takes note of what a holder of a store's key asks for, as often as it is heard."""
        store = self._tools.cache.store(key)
        if store is not None and recorded(store).request != wish.id:
            self._wishes[key] = uid, wish
            self._tools.soon(Item("store", *key))

    async def look(self, key: Key) -> float | None:
        """One look. Returns in how many seconds another is wanted, or None.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
        """
        store = self._tools.cache.store(key)
        if store is None or "deletionTimestamp" in store["metadata"]:
            self._empty.pop(key, None)
            self._forget(key)
            return None
        before = recorded(store)
        ask = asked(store, before, self._wish(key, store, before))
        if ask is None and before.phase not in ("Waiting", "Restoring"):
            self._forget(key)
            return await self._awaits(key, store)
        found = await self._next(key, store, before, ask)
        if found.status != before:
            self._tell(key, store, found.status)
            return TOLD
        if self._news.pop(key, None):
            self._tools.changed(key)  # what the look that told it did not know yet: a move may begin, or must not
        return found.again

    async def _awaits(self, key: Key, store: Object) -> float | None:
        """Whether a store that once began with an archive waits for one again: its volume was lost, or it got none."""
        if "restoreFrom" not in (store.get("spec") or {}):
            return None
        waits = False
        if (away := not leader.ready(key, self._tools.cache)) and (port := await self._port(key, store)):
            waits = port.phase == "waiting"
        if waits != (self._empty.pop(key, None) is not None):
            self._tools.changed(key)
        if waits:
            self._empty[key] = store["metadata"]["uid"]
        return WAIT if away and leader.address(key, self._tools.cache) else None

    async def _next(self, key: Key, store: Object, before: RestoreStatus, ask: Ask | None) -> Next:
        if before.phase == "Restoring":
            return await self._follow(key, store, before, ask if ask and ask.request == before.request else None)
        if ask is None:
            return Next(taken_back(before))
        source, now = ask.told(key.namespace), datetime.now(UTC)
        self._await(key, ask)
        order = await order_of(self._tools, key, store, ask, 1)
        if isinstance(order, Hindrance):
            return hindered(before, ask, source, order, now)
        port = await self._port(key, store)
        if port and port.has(order.purpose.uid):
            return restored(before, ask, source, port, now)
        if why := of_port(ask, key.name, port):
            return hindered(before, ask, source, why, now)
        return begun(before, ask, source, now)

    async def _follow(self, key: Key, store: Object, before: RestoreStatus, ask: Ask | None) -> Next:
        """How a restore gets on that was begun; without an ask nobody wants it any more, and no Job is started."""
        attempt, now = before.attempts or 1, datetime.now(UTC)
        purpose = purpose_of(key, store, before.request, attempt)
        job = self._tools.jobs.state(purpose)
        port = await self._port(key, store) if job is None or failing(job) else None
        found = followed(before, job, port, run=purpose.uid, asked=ask is not None, now=now)
        if not found.start or ask is None:
            return found
        order = await order_of(self._tools, key, store, ask, attempt)
        if isinstance(order, Hindrance):
            return hindered(before, ask, ask.told(key.namespace), order, now)
        try:
            await self._tools.jobs.start(order)
        except (Forbidden, Invalid) as error:
            return refused(before, str(error))
        log.info("%s/%s: Job %s restores %s", key.namespace, key.name, purpose.name, before.source)
        return found

    async def _port(self, key: Key, store: Object) -> Port | None:
        return await leader.asked(key, self._tools.cache, self._tools.token(store))

    def _tell(self, key: Key, store: Object, status: RestoreStatus) -> None:
        uid, before = self._news.get(key, ("", None))
        if uid == store["metadata"]["uid"] and before is not None and timeless(before) == timeless(status):
            return  # it is being told already
        self._news[key] = store["metadata"]["uid"], status
        self._tools.changed(key)

    def _wish(self, key: Key, store: Object, before: RestoreStatus) -> Wish | None:
        uid, wish = self._wishes.get(key, ("", None))
        if wish is None or uid != store["metadata"]["uid"] or wish.id == before.request:
            self._wishes.pop(key, None)  # from now on it is in the status
            return None
        if late(wish, store, datetime.now(UTC)):  # and so it is told to have failed
            del self._wishes[key]
            return None
        return wish

    def _await(self, key: Key, ask: Ask) -> None:
        if ask.source.backup:
            self._sources[key] = ask.source.backup.namespace or key.namespace

    def _forget(self, key: Key) -> None:
        self._sources.pop(key, None)
        self._wishes.pop(key, None)
        if self._news.pop(key, None) and self._tools.cache.store(key):
            self._tools.changed(key)
