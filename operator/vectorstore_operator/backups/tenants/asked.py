"""Backups and restores that tenants ask for by their keys, taken from their instances, carried out, and told back.

An instance keeps a wish until it was told what came of it, so nothing has to be remembered here: a wish that is heard
of twice is the same backup by its name, and the same restore by its request. It is told of all its store's backups
whenever one changes, and when it has started anew. Apart from the workers: an instance that hangs holds up nobody.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp

from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.tenants.wishes import Wish, allowed, own, read, refused, told, wanted
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.errors import Conflict, Forbidden, Invalid
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.pods import is_ready, management_url
from vectorstore_operator.workqueue import Bucket, WorkQueue, exponential

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=5)
AT_ONCE = 16
RATE = 50.0
SLOWEST = 60.0
"""Seconds between two tries, at most."""
UNKNOWN = (404, 501)
"""Instances of releases that know of no wishes, and pods that hold no data."""


class NotTold(Exception):
    """An instance did not take what it was told."""


class Asked:
    """The wishes of all stores' tenants."""

    def __init__(self, tools: Tools, restore: Callable[[Key, str, Wish], None]) -> None:
        """
        Args:
            tools: what is worked with.
            restore: told of every wish for a restore, with the store's uid, as long as it is open.
        """
        self._tools, self._restore = tools, restore
        self._wishes: dict[Key, tuple[str, tuple[Wish, ...]]] = {}
        """Open ones, by the stores' uids."""
        self._told: dict[Key, str] = {}
        """What tells the process and what it was told."""
        self._queue = WorkQueue(self.look, backoff, workers=AT_ONCE, bucket=Bucket(RATE, 2 * RATE))
        self._session: aiohttp.ClientSession | None = None

    def heard(self, key: Key, shown: object) -> None:
        """Takes note of the wishes that an instance shows, and has a look at its store."""
        self._note(key, shown)
        self.add(key)

    def add(self, key: Key) -> None:
        """Has a look at a store soon: its backups or its restore may stand otherwise."""
        if self._open(key) or key in self._told or self._allowed(key):
            self._queue.add(key)

    async def run(self) -> None:
        """Looks for ever; ends when cancelled."""
        try:
            await self._queue.run()
        finally:
            await self.close()

    async def close(self) -> None:
        """Forgets what was to come later."""
        self._queue.close()
        if self._session is not None:
            await self._session.close()

    async def look(self, key: Key) -> None:
        """One look.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
            NotTold: the instance did not; look again.
        """
        store, wishes = self._tools.cache.store(key), self._open(key)
        if store is None or "deletionTimestamp" in store["metadata"] or not (wishes or self._allowed(key)):
            self._wishes.pop(key, None)
            self._told.pop(key, None)
            return
        refusals = {wish.id: why for wish in wishes if (why := await self._why_not(key, store, wish))}
        body = told(store, self._own(key, store), wishes, refusals)
        await self._tell(key, store, json.dumps(body))

    def _note(self, key: Key, shown: object) -> None:
        wishes, store = read(shown), self._tools.cache.store(key)
        if wishes and store:
            self._wishes[key] = store["metadata"]["uid"], wishes
        else:
            self._wishes.pop(key, None)

    def _open(self, key: Key) -> tuple[Wish, ...]:
        uid, wishes = self._wishes.get(key, ("", ()))
        store = self._tools.cache.store(key)
        return wishes if store and store["metadata"]["uid"] == uid else ()

    def _own(self, key: Key, store: Object) -> list[Backup]:
        return own(store, self._tools.shelf.of(key.namespace, key.name))

    def _allowed(self, key: Key) -> bool:
        plan = self._tools.cache.has(key)
        return plan is not None and allowed(self._tools.cache.plan(plan))

    async def _why_not(self, key: Key, store: Object, wish: Wish) -> str | None:
        """Carries a wish out; why it is not, if so."""
        if not self._allowed(key):
            return "the store's plan does not allow it any more"
        if why := refused(wish, store, self._own(key, store), datetime.now(UTC)):
            return why
        if wish.verb == "restore":
            self._restore(key, store["metadata"]["uid"], wish)
            return None
        return await self._made(key, wish)

    async def _made(self, key: Key, wish: Wish) -> str | None:
        name = Key(key.namespace, wish.id)
        there = self._tools.shelf.get(name)
        if there is None:
            try:
                made = self._tools.shelf.put(await self._tools.cluster.create(wanted(key, wish)))
            except Conflict:
                return None  # made before, and seen in a moment
            except (Forbidden, Invalid) as error:
                log.warning("%s/%s: the backup that a tenant asks for: %s", key.namespace, key.name, error)
                return "the cluster takes no backup; whoever runs it sees why in the operator's log"
            log.info("%s/%s: a tenant asks for backup %s", key.namespace, key.name, wish.id)
            if isinstance(made, Backup):
                self._tools.soon(made.item)
            return None
        return None if there.store == key.name else "its name is taken; ask again"

    async def _tell(self, key: Key, store: Object, body: str) -> None:
        found = self._leader(key)
        if found is None:
            return  # it is told when it is ready
        process, address = found
        stands = hashlib.sha256(f"{process} {body}".encode()).hexdigest()
        if self._told.get(key) == stands:
            return
        url, headers = (
            f"{management_url(address)}/admin/backups",
            {"Authorization": f"Bearer {self._tools.token(store)}"},
        )
        self._session = self._session or aiohttp.ClientSession(timeout=TIMEOUT)
        try:
            async with self._session.post(url, data=body, headers=headers) as answer:
                if not answer.ok and answer.status not in UNKNOWN:
                    raise NotTold(f"{key.namespace}/{key.name}: {answer.status} {(await answer.text())[:200]}")
                left = (await answer.json()).get("asked") if answer.ok else ()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
            raise NotTold(f"{key.namespace}/{key.name}: {type(error).__name__}") from None
        self._told[key] = stands
        self._note(key, left)

    def _leader(self, key: Key) -> tuple[str, str] | None:
        """What tells the leader's process from all others, and its address; None where it is not ready."""
        pod = self._tools.cache.children(key).get(("Pod", f"{key.name}-0"), {})
        if not is_ready(pod) or "deletionTimestamp" in pod["metadata"]:
            return None
        started = (each.get("containerID", "") for each in pod["status"].get("containerStatuses") or ())
        return " ".join((pod["metadata"]["uid"], *started)), pod["status"]["podIP"]


def backoff(error: Exception, failures: int) -> float:
    """Seconds until the next try."""
    log.info("what tenants ask for: %s", error)
    return exponential(failures, 0.5, SLOWEST)
