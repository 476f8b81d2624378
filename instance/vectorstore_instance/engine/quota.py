"""How many documents there are, and whether more may come.

Counted from SQLite once, and kept by what the engine acknowledged: the writes of a collection come
one after another, so which of their ids are new is known exactly just before each. Room is set aside
before a write is sent, so that two collections cannot both take the last of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vectorstore_instance.core.errors import not_found, over_quota
from vectorstore_instance.engine.tables import Tables
from vectorstore_instance.settings import Limits


class Quota:
    """Documents of one store, by collection."""

    def __init__(self, tables: Tables, limits: Callable[[], Limits]) -> None:
        self._tables = tables
        self._limits = limits
        self._documents: dict[str, int] = {}
        self._reserved = 0

    @property
    def used(self) -> int:
        """Documents in all collections."""
        return sum(self._documents.values())

    @property
    def collections(self) -> int:
        """How many collections there are."""
        return len(self._documents)

    async def count(self) -> None:
        """Counts everything on disk; done once, off the event loop."""
        self._documents = await asyncio.to_thread(self._tables.documents)

    def recollect(self) -> None:
        """Looks anew which collections there are, after some were made or dropped."""
        self._documents = {c.id: self._documents.get(c.id, 0) for c in self._tables.collections()}

    def recount_one(self, collection: str) -> None:
        """Counts one collection anew, after a delete by condition or a write of unknown outcome."""
        if found := self._tables.segment_and_dimension(collection):
            self._documents[collection] = self._tables.count(found[0])

    def new_ids(self, collection: str, ids: list[str]) -> set[str]:
        """Which of the ids the collection does not have yet.

        Raises:
            ApiError: 404 when there is no such collection, as Chroma says it.
        """
        found = self._tables.segment_and_dimension(collection)
        if found is None:
            raise not_found(f"Collection [{collection}] does not exist")
        return set(ids) - self._tables.known_ids(found[0], ids)

    def reserve(self, count: int) -> None:
        """Sets room for new documents aside, to be settled when the write has ended.

        Raises:
            ApiError: 429 QuotaError when there is no room; says limit, use and remedy.
        """
        limit = self._limits().max_documents
        taken = self.used + self._reserved
        if count and taken + count > limit:
            raise over_quota(
                f"documents: {taken} of {limit} are used and this adds {count}; "
                "delete documents, or have spec.quota.documents raised"
            )
        self._reserved += count

    def settle(self, collection: str, reserved: int, change: int) -> None:
        """Ends a reservation with what came of it: documents added, or taken away when negative."""
        self._reserved -= reserved
        if collection in self._documents:
            self._documents[collection] += change
        else:  # its making was not acknowledged, so it was not taken note of
            self.recount_one(collection)
