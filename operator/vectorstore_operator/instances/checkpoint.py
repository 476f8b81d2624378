"""A checkpoint of a store's data before its pods are replaced by those of another image.

Asked of the leader, which keeps the data, on its management port: begun there, and asked for until it has ended.
Apart from the reconciling workers: an instance that hangs holds up nobody. A leader that is not ready takes none,
for what would be made of a broken store is the way to mend it. Nothing is kept but in memory: after a restart of
the operator one more is taken, which is soon done where the first was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.instances.usage import failure, leader_address
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.pods import management_url
from vectorstore_operator.rollout.known import Checkpoint

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=5)
LONGEST = 300.0
"""Seconds that a checkpoint may take: gigabytes are copied in them."""
LOOK = 0.5
"""Seconds between two questions whether it has ended."""
AGAIN = 60.0
"""Seconds until one that failed is tried again."""
UNKNOWN = (404, 422, 501)
"""Instances of releases that know of no such route or operation, and one that keeps no data."""


class CheckpointFailed(Exception):
    """Why there is none; for people."""


class Checkpoints:
    """The checkpoints before moves, of all stores."""

    def __init__(self, cache: Cache, token: Callable[[Object], str], changed: Callable[[Key], None]) -> None:
        """
        Args:
            cache: where stores and their pods are known.
            token: the admin token of a store.
            changed: told of every store whose checkpoint was taken or failed.
        """
        self._cache, self._token, self._changed = cache, token, changed
        self._stand: dict[Key, tuple[str, Checkpoint, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def state(self, store: Key, edition: str) -> Checkpoint | None:
        """How the one before the move to an edition stands; None where none was asked for."""
        of, stands, until = self._stand.get(store, ("", Checkpoint(), 0.0))
        if of != edition:
            return None
        return Checkpoint(failed=stands.failed, due=True) if until and time.monotonic() >= until else stands

    def begin(self, store: Key, edition: str) -> None:
        """Has one taken, and the store looked at again then."""
        before = self.state(store, edition) or Checkpoint()
        self._stand[store] = edition, Checkpoint(failed=before.failed), 0.0
        task = asyncio.create_task(self._take(store, edition), name=f"checkpoint {store}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def over(self, store: Key, edition: str) -> None:
        """The move to an edition was begun: another one to the same has a checkpoint of its own."""
        if self.state(store, edition):
            del self._stand[store]

    async def stop(self) -> None:
        """Waits for none of them any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _take(self, key: Key, edition: str) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST), aiohttp.ClientSession(timeout=TIMEOUT) as session:
                taken = await self._ask(key, session)
            stands, until = Checkpoint(taken=True), 0.0
            log.info("%s/%s: %s, %.1f s", key.namespace, key.name, taken, time.monotonic() - began)
        except TimeoutError:
            stands, until = _failed(f"it took more than {LONGEST:.0f} s")
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as error:
            stands, until = _failed(f"the instance gave no answer: {failure(error)}")
        except CheckpointFailed as error:
            stands, until = _failed(str(error))
        if self._stand.get(key, ("",))[0] == edition:
            self._stand[key] = edition, stands, until
        if stands.failed:
            log.warning("%s/%s: no checkpoint: %s", key.namespace, key.name, stands.failed)
        for gone in [one for one in self._stand if self._cache.store(one) is None]:
            del self._stand[gone]
        self._changed(key)

    async def _ask(self, key: Key, session: aiohttp.ClientSession) -> str:
        """Has the leader take one, and waits until it has; says what came of it."""
        store, address = self._cache.store(key), leader_address(key, self._cache)
        if store is None or address is None:
            return "no pod is ready, so no checkpoint was taken"
        url = f"{management_url(address)}/admin/maintenance"
        headers = {"Authorization": f"Bearer {self._token(store)}"}
        async with session.post(url, json={"operation": "checkpoint"}, headers=headers) as answer:
            body = await answer.json(content_type=None)
            if answer.status in UNKNOWN:
                return "this instance takes no checkpoint when asked"
            if not answer.ok:
                raise CheckpointFailed(str(body.get("message"))[:512])
        while body["ended"] is None:
            await asyncio.sleep(LOOK)
            async with session.get(f"{url}/{body['id']}", headers=headers) as answer:
                answer.raise_for_status()
                body = await answer.json()
        if body["error"]:
            raise CheckpointFailed(str(body["error"])[:512])
        return f"a checkpoint of {body['done']} collections was taken"


def _failed(why: str) -> tuple[Checkpoint, float]:
    return Checkpoint(failed=why, again=AGAIN), time.monotonic() + AGAIN
