"""What the instances hold: asked of their management ports.

One round asks every store whose leader pod is ready and that was not asked for a minute, a few at a
time, apart from the reconciling workers: an instance that hangs holds up nobody. What it answers is
kept, for the metrics; only news worth a write to the status are published.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import aiohttp

from vectorstore_operator.cache import Cache, Key
from vectorstore_operator.objects import Object
from vectorstore_operator.observe import Usage
from vectorstore_operator.pods import is_ready, management_url

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
        self, cache: Cache, token: Callable[[Object], str], changed: Callable[[Key], None], every: float = 60.0
    ) -> None:
        """
        Args:
            cache: where stores and their pods are known.
            token: the admin token of a store.
            changed: told of every store whose published usage changed.
            every: seconds between two questions to one store.
        """
        self._cache, self._token, self._changed, self._every = cache, token, changed, every
        self._asked: dict[Key, float] = {}
        self.known: dict[Key, Usage] = {}
        """What every store last answered."""
        self._published: dict[Key, Usage] = {}

    def usage(self, key: Key) -> Usage | None:
        """What a store holds, as published; None while nothing differs from what its status says."""
        return self._published.get(key)

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
        for known in (self._asked, self.known, self._published):
            for key in [key for key in known if key not in stores]:
                del known[key]
        due = [(key, store) for key, store in stores.items() if now - self._asked.get(key, -self._every) >= self._every]
        room = asyncio.Semaphore(AT_ONCE)

        async def ask(key: Key, store: Object, address: str) -> None:
            async with room:
                await self._ask(session, key, store, address)

        asks = []
        for key, store in due:
            if address := leader_address(key, self._cache):
                self._asked[key] = now
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
            log.info("usage of %s/%s: %r", key.namespace, key.name, error)
            return
        self.known[key] = usage
        if newsworthy(self._published.get(key) or last_told(store), usage):
            self._published[key] = usage
            self._changed(key)


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
