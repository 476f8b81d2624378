"""How many documents and collections there are, and whether more may come.

Counted from SQLite once, and kept by what the engine acknowledged: the writes of a collection come
one after another, so which of their ids are new is known exactly just before each. Room is set aside
before a write is sent, so that two collections cannot both take the last of it. Collections are made
one after another, so that room for one needs no setting aside.

A write whose outcome is not known leaves its collection in doubt: the engine may have it in its queue and
not in its tables yet, so the collection is counted again until a write to it has gone well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vectorstore_instance.core.errors import ApiError, not_found, over_quota
from vectorstore_instance.engine.tables import Tables
from vectorstore_instance.settings import Limits


def documents_full(used: int, limit: int, count: int) -> ApiError:
    """The refusal of so many more documents."""
    return over_quota(
        f"documents: {used} of {limit} are used and this adds {count}; "
        "delete documents, or have spec.quota.documents raised"
    )


def collections_full(used: int, limit: int) -> ApiError:
    """The refusal of one more collection."""
    return over_quota(
        f"collections: {used} of {limit} are used and this adds 1; "
        "delete collections, or have the plan's limit raised (max_collections)"
    )


class Quota:
    """Documents of one store, by collection."""

    def __init__(self, tables: Tables, limits: Callable[[], Limits]) -> None:
        self._tables = tables
        self._limits = limits
        self._documents: dict[str, int] = {}
        self._doubted: set[str] = set()
        self._reserved = 0
        self.used = 0
        """Documents in all collections."""

    @property
    def collections(self) -> int:
        """How many collections there are."""
        return len(self._documents)

    def of(self, collection: str) -> int:
        """Documents of one collection."""
        return self._documents.get(collection, 0)

    async def count(self) -> None:
        """Counts everything on disk; done before anything is written, off the event loop."""
        self._keep(await asyncio.to_thread(self._tables.documents))

    async def recollect(self) -> None:
        """Looks anew which collections there are, after some were dropped; nothing may be made or written meanwhile."""
        there = await asyncio.to_thread(self._tables.collections)
        self._keep({c.id: self._documents.get(c.id, 0) for c in there})

    def recount_one(self, collection: str) -> None:
        """Counts one collection anew, after a delete by condition or the making of it."""
        found = self._tables.segment_and_dimension(collection)
        if found is None:
            self._doubted.discard(collection)
        self._set(collection, None if found is None else self._tables.count(found[0]))

    def doubt(self, collection: str) -> None:
        """Counts one collection anew, now and whenever somebody asks, until a write has gone well again."""
        self._doubted.add(collection)
        self.recount_one(collection)

    def recount_doubted(self) -> None:
        """Counts the collections in doubt: the engine may have taken in by now what it had in its queue."""
        for collection in tuple(self._doubted):
            self.recount_one(collection)

    def new_ids(self, collection: str, ids: list[str]) -> set[str]:
        """Which of the ids the collection does not have yet.

        Raises:
            ApiError: 404 when there is no such collection, as Chroma says it.
        """
        found = self._tables.segment_and_dimension(collection)
        if found is None:
            raise not_found(f"Collection [{collection}] does not exist.")
        return set(ids) - self._tables.known_ids(found[0], ids)

    def reserve(self, count: int) -> None:
        """Sets room for new documents aside, to be settled when the write has ended.

        Raises:
            ApiError: 429 QuotaError when there is no room; says limit, use and remedy.
        """
        limit = self._limits().max_documents
        taken = self.used + self._reserved
        if count and taken + count > limit:
            raise documents_full(taken, limit, count)
        self._reserved += count

    def settle(self, collection: str, reserved: int, change: int) -> None:
        """Ends a reservation with what came of it: documents added, or taken away when negative."""
        self._reserved -= reserved
        known = self._documents.get(collection)
        if known is None or collection in self._doubted:
            # Its making was not acknowledged, so it was not taken note of; or the engine, which has now
            # carried out everything before this, knows better.
            self.recount_one(collection)
            if change:
                self._doubted.discard(collection)
        else:
            self._set(collection, known + change)

    def one_too_many(self) -> ApiError | None:
        """The refusal of one more collection: 429 QuotaError with limit, use and remedy; None while there is room."""
        used, limit = self.collections, self._limits().max_collections
        return collections_full(used, limit) if used >= limit else None

    def _keep(self, documents: dict[str, int]) -> None:
        self._documents = documents
        self.used = sum(documents.values())

    def _set(self, collection: str, documents: int | None) -> None:
        self.used += (documents or 0) - self._documents.pop(collection, 0)
        if documents is not None:
            self._documents[collection] = documents
