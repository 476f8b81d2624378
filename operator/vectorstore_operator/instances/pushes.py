"""Keys and limits, told to the instances ahead of the files that their pods mount.

A mount follows its Secret or ConfigMap after a minute or more, and a revoked key must not live that
long. So every edition in the cache is pushed to every pod that is ready, leader and followers, and to
one that started again, because it has read its files. Apart from the reconciling workers, a line of
its own: an instance that hangs holds up nobody. What a pod took is remembered here and nowhere else;
after a restart of the operator all is pushed once more, which changes nothing in an instance that has it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

import aiohttp

from vectorstore_operator import names
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.instances.usage import failure
from vectorstore_operator.keys.secretdata import decoded
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.observe.pods import is_ready, management_url
from vectorstore_operator.render.keys import GENERATION, TENANT_FILES
from vectorstore_operator.render.limits import FILE as LIMITS_FILE
from vectorstore_operator.workqueue import Bucket, WorkQueue, exponential

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=2)
AT_ONCE = 64
RATE = 200.0
"""Stores begun per second, after a burst of twice that."""
SLOWEST = 30.0
"""Seconds between two tries, at most."""
NO_SUCH_ROUTE = 404
"""An instance of a release that knew of no pushes: it reads its files."""


class PushFailed(Exception):
    """Some pods did not take what they were told."""


class Pushes:
    """What every pod was told."""

    def __init__(self, cache: Cache, token: Callable[[Object], str]) -> None:
        """
        Args:
            cache: where stores, their pods, keys and limits are known.
            token: the admin token of a store.
        """
        self._cache, self._token = cache, token
        self._taken: dict[Key, dict[str, tuple[str, ...]]] = {}
        self._queue = WorkQueue(self.push, backoff, workers=AT_ONCE, bucket=Bucket(RATE, 2 * RATE))
        self._session: aiohttp.ClientSession | None = None

    def add(self, key: Key) -> None:
        """Has a look at a store soon: something of it may have changed."""
        if key.namespace:
            self._queue.add(key)

    async def run(self) -> None:
        """Pushes for ever; ends when cancelled."""
        try:
            await self._queue.run()
        finally:
            self._queue.close()
            if self._session is not None:
                await self._session.close()

    def spread(self, key: Key) -> bool:
        """Whether every ready pod of a store took the keys and limits that are in the cache."""
        children, taken = self._cache.children(key), self._taken.get(key, {})
        wanted = editions(key.name, children)
        return all(taken.get(process) == wanted for process in ready(children))

    async def push(self, key: Key) -> None:
        """Tells the pods of one store what they were not told yet.

        Raises:
            PushFailed: some did not take it; the others have it.
        """
        store, children = self._cache.store(key), self._cache.children(key)
        pods = ready(children) if store else {}
        wanted = editions(key.name, children)
        # Pods that went, and processes that ended, are forgotten.
        taken = {process: told for process, told in self._taken.pop(key, {}).items() if process in pods}
        if store is None:
            return
        self._taken[key] = taken
        token = self._token(store)
        failed = await asyncio.gather(
            *(
                self._tell(pods[process], token, wanted, taken, process)
                for process in pods
                if taken.get(process) != wanted
            )
        )
        if any(failed):
            raise PushFailed(f"{key.namespace}/{key.name}: {', '.join(filter(None, failed))}")

    async def _tell(
        self, address: str, token: str, wanted: tuple[str, ...], taken: dict[str, tuple[str, ...]], process: str
    ) -> str | None:
        """Tells one pod everything, each part by itself: one that it does not take must not keep others from it."""
        failed = [problem for part in wanted if (problem := await self._post(address, token, part))]
        if failed:
            log.info("keys and limits to %s: %s", address, "; ".join(failed))
            return address
        taken[process] = wanted
        return None

    async def _post(self, address: str, token: str, part: str) -> str | None:
        """Why a pod did not take it; None if it did."""
        url = f"{management_url(address)}/admin/reload"
        self._session = self._session or aiohttp.ClientSession(timeout=TIMEOUT)
        try:
            async with self._session.post(url, data=part, headers={"Authorization": f"Bearer {token}"}) as response:
                if response.ok or response.status == NO_SUCH_ROUTE:
                    return None
                return f"{response.status} {(await response.text())[:200]}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return failure(error)


def backoff(error: Exception, failures: int) -> float:
    """Seconds until the next try."""
    return exponential(failures, 0.2, SLOWEST)


def ready(children: Children) -> dict[str, str]:
    """Address of every pod that is ready, by what tells its process from all others."""
    found = {}
    for (kind, _), pod in children.items():
        status = pod.get("status") or {}
        if kind != "Pod" or "deletionTimestamp" in pod["metadata"] or not status.get("podIP"):
            continue
        if is_ready(pod):
            started = (container.get("containerID", "") for container in status.get("containerStatuses") or ())
            found[" ".join((pod["metadata"]["uid"], *started))] = status["podIP"]
    return found


def editions(store: str, children: Children) -> tuple[str, ...]:
    """What to push, as bodies of requests: the keys, if they are numbered, and the limits."""
    keys = children.get(("Secret", names.keys(store)), {})
    limits = children.get(("ConfigMap", names.limits(store)), {}).get("data") or {}
    digests = {role: decoded(keys, role).split() for role in TENANT_FILES}
    number = decoded(keys, GENERATION).strip()
    bodies = []
    if number.isdecimal() and any(digests.values()):
        bodies.append(json.dumps({"keys": {"generation": int(number), "digests": digests}}))
    if LIMITS_FILE in limits:
        bodies.append(f'{{"limits": {limits[LIMITS_FILE]}}}')
    return tuple(bodies)
