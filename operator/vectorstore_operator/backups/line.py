"""Whose turn it is: one line for backups, and for stores as far as their backups and restores go.

A line of its own beside the stores': what is slow here holds up no store. What is seen of a backup, a grant, a Job, a
store or a plan leads to whom it concerns. All of it is made when the operator begins to lead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from vectorstore_operator.backups.jobs.running import Jobs
from vectorstore_operator.backups.known import Backup, Grant, Item
from vectorstore_operator.backups.making.loop import Backups
from vectorstore_operator.backups.making.removal import Removal
from vectorstore_operator.backups.making.turns import Turns
from vectorstore_operator.backups.restores.loop import Restores
from vectorstore_operator.backups.schedules.loop import Schedules
from vectorstore_operator.backups.tenants.asked import Asked
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.backups.watching import Watching
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.errors import ClusterError, Conflict, NotFound, NotLeading, Terminating
from vectorstore_operator.cluster.events import Recorder
from vectorstore_operator.cluster.pausing import pause
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.backed import Backed
from vectorstore_operator.settings import OperatorSettings
from vectorstore_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

WORKERS = 8
"""Looks at a time."""


class Line:
    """The line, and who looks at what comes to its head."""

    def __init__(
        self,
        settings: OperatorSettings,
        cluster: Cluster,
        cache: Cache,
        watching: Watching,
        recorder: Recorder,
        token: Callable[[Object], str],
        changed: Callable[[Key], None],
        failed: Callable[[Key, str], None],
    ) -> None:
        """
        Args:
            settings: the operator's.
            cluster: is written to, while the operator leads.
            cache: stores, plans and what stores consist of.
            watching: what is known of backups, grants and Jobs.
            recorder: writes Events.
            token: the admin token of a store.
            changed: has a store looked at by the reconciler.
            failed: told of every backup of a store that failed, and why.
        """
        jobs = Jobs(cluster, watching.jobs, settings)
        self.tools = tools = Tools(
            cluster, cache, watching.shelf, jobs, settings, token, recorder, changed, self.soon, failed
        )
        self._cache, self._shelf = cache, watching.shelf
        self._turns = Turns(settings.backups_at_once, jobs.active, self.soon)
        self._removal = Removal(tools)
        self._backups = Backups(tools, self._turns, self._removal.awaits)
        self.schedules = Schedules(tools, self._removal.prune)
        self.restores = Restores(tools)
        self.asked = Asked(tools, self.restores.wished)
        self.queue: WorkQueue[Item] = WorkQueue(self._look, backoff, workers=WORKERS)

    async def run(self) -> None:
        """Looks at everything now, and whenever something changes; ends when cancelled."""
        stores = {*self._cache.stores(), *(each.of for each in self._shelf.all() if each.phase == "Deleting")}
        for item in (*(Item("store", *key) for key in stores), *(b.item for b in self._shelf.all() if not b.final)):
            self.soon(item)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run())
            group.create_task(self.asked.run())

    def close(self) -> None:
        """Forgets what was to come later."""
        self.queue.close()

    def backed(self, key: Key, store: Object, now: datetime) -> Backed:
        """What the status of a store tells of its backups and its restore."""
        protection, healthy = self.schedules.backed(key, store, now)
        restore, restored, restoring = self.restores.told(store, now)
        told = tuple(one for one in (healthy, restored) if one is not None)
        return Backed(protection, restore, told, restoring)

    def soon(self, item: Item) -> None:
        """Has a look at a backup or a store."""
        self.queue.add(item)

    def changed(self, key: Key) -> None:
        """Something about a store or a plan changed."""
        for store in [key] if key.namespace else self._cache.users(key.name):
            self.soon(Item("store", *store))
            self.asked.add(store)
            self._waiting(store)

    def seen(self, what: Backup | Grant) -> None:
        """A backup or a grant came, changed or went."""
        if isinstance(what, Backup):
            now = self._shelf.get(what.key)
            if now is None or now.uid != what.uid:
                self._turns.leave(what.uid)
                self._turns.wake()
                self._removal.gone(what)
            self.soon(what.item)
            self.soon(Item("store", *what.of))
            self._waiting(what.of)
            self.asked.add(what.of)
        for item in self.restores.awaiting(what.key.namespace):
            self.soon(item)

    def moved(self, item: Item) -> None:
        """A Job got on."""
        self.soon(item)
        self._turns.wake()

    def _waiting(self, store: Key) -> None:
        for backup in self._shelf.of(*store):
            if backup.phase in (None, "Pending"):
                self.soon(backup.item)

    async def _look(self, item: Item) -> float | None:
        """One look.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
        """
        try:
            if item.kind == "backup":
                return await self._backups.look(item.key)
            return await self._store(item.key)
        except ClusterError as error:
            passing = isinstance(error, Conflict | NotFound | NotLeading | Terminating)
            log.log(logging.INFO if passing else logging.WARNING, "%s %s/%s: %s", *item, error)
            raise
        except Exception:
            log.exception("%s %s/%s", *item)
            raise

    async def _store(self, key: Key) -> float | None:
        """The looks at a store; one that fails keeps none of the others from theirs."""
        looks = (self._removal.look, self.schedules.look, self.restores.look)
        found = await asyncio.gather(*(look(key) for look in looks), return_exceptions=True)
        for error in found:
            if isinstance(error, BaseException):
                raise error
        return min((each for each in found if isinstance(each, float | int)), default=None)


def backoff(error: Exception, failures: int) -> float:
    """Seconds until the next try."""
    return pause(error, failures, 0.05 if isinstance(error, Conflict) else 0.5)
