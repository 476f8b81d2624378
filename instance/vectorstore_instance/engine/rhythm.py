"""How often the engine writes a collection's index files: `sync_threshold`, fitted to how the collection is written to.

At each write Chroma 1.5.9 reads again what came to the collection since its files were last written: 9 µs per
operation, of which Chroma's own threshold of 1,000 has 500 on average, several times what a row costs by itself.
Writing the files costs a large write more than that, as most of an index has changed by then. So a collection whose
first write is a small one, and for which nobody chose a threshold, is written to its files more often while it is
small. The engine takes a threshold up when it first opens the index: at a collection's first write, or its next start.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import operations
from vectorstore_instance.engine.reply import Reply

log = logging.getLogger(__name__)

CHROMAS = 1000
"""Chroma's own threshold: what a collection has for which none was chosen."""
OURS = 201
"""That of small collections. By this number, which nobody chooses, it is known for ours whatever was restarted."""
GROWN = 5000
"""Documents from which on a collection has Chroma's own again."""


class Rhythm:
    """The thresholds of the collections that were written to."""

    def __init__(self, put: Callable[[str, bytes], Awaitable[Reply]], database: Path) -> None:
        """
        Args:
            put: changes a collection: its path, what is new.
            database: the file with Chroma's tables.
        """
        self._put = put
        self._database = database
        self._known: dict[str, int | None] = {}

    async def fit(self, collection: str, path: str, documents: int, *, small: bool) -> None:
        """Sees to a collection's threshold; called in its queue, before a write of rows.

        Args:
            collection: its id.
            path: its path.
            documents: how many it has.
            small: whether the write is one of those that share a commit.
        """
        if collection not in self._known:
            found, written = operations.threshold(self._database, collection)
            self._known[collection] = found
            if found == CHROMAS and small and not written:
                await self._set(collection, path, OURS)
        if self._known[collection] == OURS and documents >= GROWN:
            await self._set(collection, path, CHROMAS)

    def forget(self, collection: str) -> None:
        """Looks again at the next write: somebody changes the collection."""
        self._known.pop(collection, None)

    async def _set(self, collection: str, path: str, threshold: int) -> None:
        """Tries it once: a threshold is not worth refusing a write for."""
        self._known[collection] = None
        change = msgspec.json.encode({"new_configuration": {"hnsw": {"sync_threshold": threshold}}})
        try:
            reply = await self._put(path, change)
        except ApiError as problem:
            log.warning("collection %s keeps its sync_threshold: %s", collection, problem.message)
            return
        if reply.ok:
            self._known[collection] = threshold
        else:
            log.warning("collection %s keeps its sync_threshold: %s", collection, reply.body.decode(errors="replace"))
