"""The instances: the only module that talks to them, to ask what they hold.

One round asks every store whose leader pod is ready and that was not asked for a minute, a few at a
time, apart from the reconciling workers: an instance that hangs holds up nobody. What it answers is
kept; only news worth a write to the status (a change of 1 %, or the crossing of the limit) are
published.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp

from vectorstore_operator import names
from vectorstore_operator.cache import Cache, Key
from vectorstore_operator.objects import Object
from vectorstore_operator.observe import Usage

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=3)
AT_ONCE = 16
ROUND = 5.0
"""Seconds between rounds: how late a new store's first answer may be."""


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
        for known in (self._asked, self._published):
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
        host = f"[{address}]" if ":" in address else address
        headers = {"Authorization": f"Bearer {self._token(store)}"}
        try:
            async with session.get(f"http://{host}:{names.MANAGEMENT_PORT}/admin/usage", headers=headers) as response:
                response.raise_for_status()
                answer = await response.json()
            usage = Usage(**{field: int(answer[field]) for field in ("documents", "limit", "bytes", "collections")})
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
            log.info("usage of %s/%s: %r", key.namespace, key.name, error)
            return
        if newsworthy(self._published.get(key) or last_told(store), usage):
            self._published[key] = usage
            self._changed(key)


def leader_address(key: Key, cache: Cache) -> str | None:
    """The address of a store's ordinal 0, if it is ready."""
    status = cache.children(key).get(("Pod", f"{key.name}-0"), {}).get("status", {})
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    return status.get("podIP") if ready else None


def last_told(store: Object) -> Usage | None:
    """The usage in a store's status, which a former process of the operator wrote."""
    used, _, limit = (store.get("status") or {}).get("documents", "").partition("/")
    return Usage(documents=int(used), limit=int(limit)) if used.isdigit() and limit.isdigit() else None


def newsworthy(before: Usage | None, now: Usage) -> bool:
    """Whether a change of usage is worth a write: the first, 1 % more or fewer, crossing the limit, another limit."""
    if before is None or before.limit != now.limit:
        return True
    crossed = (before.documents >= before.limit) != (now.documents >= now.limit)
    changed = abs(now.documents - before.documents)
    return crossed or changed * 100 >= max(before.documents, 1)
