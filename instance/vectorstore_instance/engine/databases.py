"""Chroma databases that belong to one caller each: made with the first use, closed to the others.

The engine keeps no walls between databases: it serves a collection's id under any database's path
(Chroma 1.5.9, measured), and only by name or by `by-id` it asks where the collection is. So whose
collection it is, is asked here before a caller with a database of their own may use its id.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from vectorstore_instance.core.exchange import Caller
from vectorstore_instance.engine import DATABASE, DATABASES, Engine

DEFAULT = DATABASE.removeprefix(f"{DATABASES}/")
"""The database of callers who may use them all and name none."""

_TRUSTED_SECONDS = 30.0
"""How long a database is taken to be there: the store's owner may delete it."""
_REMEMBERED = 10_000
"""Databases, and collections, that are known at a time."""


class Databases:
    """What is known of the databases of an instance's engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, float] = {}
        self._held: set[tuple[str, str]] = set()

    async def of(self, caller: Caller | None) -> str:
        """The database in which a caller's requests are served, made where it is not there yet.

        Raises:
            ApiError: the engine does not make it; see `Engine.request`.
        """
        if caller is None or caller.database is None:
            return DEFAULT
        name = caller.database
        now = time.monotonic()
        if now - self._seen.get(name, -_TRUSTED_SECONDS) >= _TRUSTED_SECONDS:
            await self._ensure(name)
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[name] = now
        return name

    async def _ensure(self, name: str) -> None:
        if (await self._engine.request("GET", f"{DATABASES}/{name}")).ok:
            return
        made = await self._engine.request("POST", DATABASES, msgspec.json.encode({"name": name}))
        if made.status != HTTPStatus.CONFLICT:  # another request, or another pod, was faster
            made.unwrap()

    async def holds(self, database: str, collection: str) -> bool:
        """Whether a collection is in a database.

        Args:
            database: its name.
            collection: its id, in any spelling of a UUID.

        Raises:
            ApiError: 400 that is no id, 503 the engine is away.
        """
        if (database, collection) in self._held:
            return True
        path = f"{DATABASES}/{database}/collections/by-id/{quote(collection, safe='')}"
        reply = await self._engine.request("GET", path)
        if reply.status == HTTPStatus.NOT_FOUND:
            return False
        reply.unwrap()
        if len(self._held) >= _REMEMBERED:
            self._held.clear()
        self._held.add((database, collection))  # for good: a collection never changes its database
        return True
