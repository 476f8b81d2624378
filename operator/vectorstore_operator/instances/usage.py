"""What the instances hold: asked of their management ports.

One round asks every store whose leader pod is ready and that was not asked for a minute, a few at a
time, apart from the reconciling workers: an instance that hangs holds up nobody. What it answers is
kept, for the metrics; only news worth a write to the status are published. All of it goes by the stores'
uids: one that is made anew under a name of before begins with nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import aiohttp

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.objects import Object
from vectorstore_operator.observe import Usage
from vectorstore_operator.observe.pods import is_ready, management_url

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=3)
AT_ONCE = 16
ROUND = 5.0
"""Seconds between rounds: how late a new store's first answer may be."""
LAST_REQUEST = 600
"""Seconds by which the last request must be later to be news by itself: a store in use is not written every minute."""


class Instances:
    """What every store last said it holds."""

    def __init__(
        self,
        cache: Cache,
        token: Callable[[Object], str],
        changed: Callable[[Key], None],
        every: float = 60.0,
        heard: Callable[[Key, object], None] = lambda key, asked: None,
    ) -> None:
        """
        Args:
            cache: where stores and their pods are known.
            token: the admin token of a store.
            changed: told of every store whose published usage changed.
            every: seconds between two questions to one store.
            heard: told what the tenant asks for, as every answer says it.
        """
        self._cache, self._token, self._changed, self._every, self._heard = cache, token, changed, every, heard
        self._asked: dict[str, float] = {}
        self._answered: dict[str, Usage] = {}
        self._published: dict[str, Usage] = {}

    @property
    def known(self) -> dict[Key, Usage]:
        """What every store last answered; may be asked for on another thread."""
        answered, stores = dict(self._answered), dict(self._cache.stores())
        return {key: answered[uid] for key, store in stores.items() if (uid := _uid(store)) in answered}

    def usage(self, key: Key) -> Usage | None:
        """What a store holds, as published; None while nothing differs from what its status says."""
        store = self._cache.store(key)
        return self._published.get(_uid(store)) if store else None

    async def run(self) -> None:
        """Asks for ever; ends when cancelled."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                await self.round(session)
                await asyncio.sleep(ROUND)

    async def round(self, session: aiohttp.ClientSession) -> None:
        """Asks every store whose turn it is."""
        now = asyncio.get_running_loop().time()
        stores = self._cache.stores()
        there = set(map(_uid, stores.values()))
        for known in (self._asked, self._answered, self._published):
            for uid in known.keys() - there:
                del known[uid]
        due = [(key, store) for key, store in stores.items() if now - self._last_asked(store) >= self._every]
        room = asyncio.Semaphore(AT_ONCE)

        async def ask(key: Key, store: Object, address: str) -> None:
            async with room:
                await self._ask(session, key, store, address)

        asks = []
        for key, store in due:
            if address := leader_address(key, self._cache):
                self._asked[_uid(store)] = now
                asks.append(ask(key, store, address))
        await asyncio.gather(*asks)

    async def _ask(self, session: aiohttp.ClientSession, key: Key, store: Object, address: str) -> None:
        headers = {"Authorization": f"Bearer {self._token(store)}"}
        try:
            async with session.get(f"{management_url(address)}/admin/usage", headers=headers) as response:
                response.raise_for_status()
                answer = await response.json()
            usage = answered(answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
            log.info("usage of %s/%s: %s", key.namespace, key.name, failure(error))
            return
        self._heard(key, answer.get("asked"))
        self._answered[_uid(store)] = usage
        if newsworthy(self._published.get(_uid(store)) or last_told(store), usage):
            self._published[_uid(store)] = usage
            self._changed(key)

    def _last_asked(self, store: Object) -> float:
        return self._asked.get(_uid(store), -self._every)


def _uid(store: Object) -> str:
    return str(store["metadata"]["uid"])


def failure(error: Exception) -> str:
    """What went wrong, for a log: without the request, whose headers aiohttp's own `repr` shows, token and all."""
    return f"{type(error).__name__}: {error}"


def leader_address(key: Key, cache: Cache) -> str | None:
    """The address of a store's ordinal 0, if it is ready."""
    pod = cache.children(key).get(("Pod", f"{key.name}-0"), {})
    return pod["status"].get("podIP") if is_ready(pod) else None


def answered(answer: Object) -> Usage:
    """The usage in an instance's answer; an older one tells no last request.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    last = answer.get("lastRequest")
    numbers = {field: int(answer[field]) for field in ("documents", "limit", "bytes", "collections")}
    return Usage(**numbers, last_request=None if last is None else int(last))


def last_told(store: Object) -> Usage | None:
    """The usage in a store's status, which a former process of the operator wrote."""
    status = store.get("status") or {}
    used, _, limit = status.get("documents", "").partition("/")
    if not (used.isdigit() and limit.isdigit()):
        return None
    last = status.get("lastRequest")
    return Usage(
        documents=int(used),
        limit=int(limit),
        bytes=status.get("bytes", 0),
        last_request=int(datetime.fromisoformat(last).timestamp()) if last else None,
    )


def newsworthy(before: Usage | None, now: Usage) -> bool:
    """Whether a change of usage is worth a write.

    It is the first, another limit, the crossing of the limit, 1 % of the documents or of the bytes (volumes
    grow by them), or a last request ten minutes later than the one told.
    """
    if before is None or before.limit != now.limit:
        return True
    if (before.documents >= before.limit) != (now.documents >= now.limit):
        return True
    later = (now.last_request or 0) - (before.last_request or 0)
    return later >= LAST_REQUEST or _changed(before.documents, now.documents) or _changed(before.bytes, now.bytes)


def _changed(before: int, now: int) -> bool:
    return abs(now - before) * 100 >= max(before, 1)
