"""The quota of a store whose data is on another server, kept by counting over its API.

What is there is counted when the store starts, then every minute or so, and whenever a write finds no
room by what is known. In between, every row of an acknowledged add or upsert counts as new and no
deletion counts: the number errs upwards, and is counted anew before anything is refused for it. So one
front keeps the limit exactly; several fronts of one store, or others who write to it past its front, can
together exceed it by what they write between two counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

import msgspec

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine.quota import collections_full, documents_full
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.settings import Limits

T = TypeVar("T")
Ask = Callable[[str, str], Awaitable[Reply]]
"""Method and path -> answer, in the store's own names."""

EVERY = 60.0
"""Seconds between two counts, at least; and at least twenty times as long as the last one took."""
FRESH = 2.0
"""Seconds for which a count is as good as a new one, to those who only want to know."""
PAGE = 1000
TOGETHER = 4
"""Collections that are counted at the same time."""

_DATABASES = "/api/v2/tenants/default_tenant/databases"


class _Named(msgspec.Struct):
    name: str


class _Collection(msgspec.Struct):
    id: str


class Counted:
    """Documents and collections of one store elsewhere."""

    def __init__(self, ask: Ask, limits: Callable[[], Limits]) -> None:
        self._ask = ask
        self._limits = limits
        self._counted = 0
        self._since = 0
        """Rows acknowledged since that count began."""
        self._reserved = 0
        self._collections = 0
        self._stale = True
        """Whether something was written since the last count."""
        self._at: float | None = None
        self._took = 0.0
        self._counting: asyncio.Task[None] | None = None

    @property
    def documents(self) -> int:
        """Documents in all collections, or somewhat more."""
        return self._counted + self._since

    @property
    def collections(self) -> int:
        """Collections in all databases, as last counted and made here since."""
        return self._collections

    @property
    def wait(self) -> float:
        """Seconds until the next count is due."""
        return max(EVERY, 20 * self._took)

    async def refresh(self, *, age: float = 0.0) -> None:
        """Counts anew if anything was written since; one count serves all who want it.

        Args:
            age: seconds that the last count may be old nevertheless.

        Raises:
            ApiError: the other server does not answer, and nothing is known yet.
        """
        for _ in range(2):  # what is under way may have begun before the last write
            if not self._stale or (self._at is not None and time.monotonic() - self._at < age):
                return
            try:
                await self.count()
            except ApiError:
                if self._at is None:
                    raise
                return

    async def count(self) -> None:
        """Counts anew, or waits for the count that is under way.

        Raises:
            ApiError: the other server does not answer.
        """
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count())
        await asyncio.shield(self._counting)

    async def reserve(self, count: int, known: Callable[[], Awaitable[int]]) -> int:
        """Sets room aside for rows that are about to be written; returns how much, to be settled.

        Args:
            count: how many rows.
            known: asks how many of them are there already.

        Raises:
            ApiError: 429 QuotaError; says limit, use and remedy.
        """
        if self._at is None or self._full(count):
            await self.refresh()
            if self._full(count) and count:
                count -= await known()
            if count and self._full(count):
                raise documents_full(self.documents + self._reserved, self._limits().max_documents, count)
        self._reserved += count
        return count

    def settle(self, reserved: int, *, written: bool) -> None:
        """Ends a reservation."""
        self._reserved -= reserved
        if written and reserved:
            self._stale = True
            self._since += reserved

    async def room_for_collection(self, there: Callable[[], Awaitable[bool]]) -> None:
        """Makes sure that one more collection may be made.

        Raises:
            ApiError: 429 QuotaError, unless the collection is there already.
        """
        most = self._limits().max_collections
        if self._at is not None and self._collections < most:
            return
        await self.refresh()
        if self._collections >= most and not await there():
            raise collections_full(self._collections, most)

    def changed(self, collections: int = 0) -> None:
        """Takes note of a deletion, or of a collection that was made."""
        self._stale = True
        self._collections += collections

    def _full(self, count: int) -> bool:
        return self.documents + self._reserved + count > self._limits().max_documents

    async def _count(self) -> None:
        began = time.monotonic()
        self._stale = False
        before = self._since
        try:
            paths = await self._paths()
            slots = asyncio.Semaphore(TOGETHER)
            self._counted = sum(await asyncio.gather(*(self._one(path, slots) for path in paths)))
        except BaseException:
            self._stale = True
            raise
        self._since -= before  # what was acknowledged meanwhile may be counted twice, never not at all
        self._collections = len(paths)
        self._at = time.monotonic()
        self._took = self._at - began

    async def _paths(self) -> list[str]:
        """Where every collection is."""
        databases = await self._pages(_DATABASES, _Named)
        found = []
        for database in databases:
            base = f"{_DATABASES}/{quote(database.name, safe='')}/collections"
            found += [f"{base}/{collection.id}" for collection in await self._pages(base, _Collection)]
        return found

    async def _pages(self, path: str, kind: type[T]) -> list[T]:
        found: list[T] = []
        while True:
            reply = await self._ask("GET", f"{path}?limit={PAGE}&offset={len(found)}")
            page = msgspec.json.decode(reply.unwrap(), type=list[kind])  # type: ignore[valid-type]
            found += page
            if len(page) < PAGE:
                return found

    async def _one(self, path: str, slots: asyncio.Semaphore) -> int:
        async with slots:
            reply = await self._ask("GET", f"{path}/count")
        return 0 if reply.status == 404 else int(reply.unwrap())  # dropped since it was listed
