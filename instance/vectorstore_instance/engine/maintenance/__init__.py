"""Maintenance beside the running engine: one operation at a time, asked for or when the store is quiet.

Chroma's files only grow: operations stay in the queue, deleted rows in the index, free pages in the
database. `queue`, `index`, `space` and `leftovers` each give one of these back; a kill at any point
of them leaves the store as it was or as it shall be.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from vectorstore_instance.core.errors import conflict, unavailable
from vectorstore_instance.engine import positions
from vectorstore_instance.engine.maintenance import automatic
from vectorstore_instance.engine.maintenance.checkpoint import checkpoint
from vectorstore_instance.engine.maintenance.index import check_rebuild, rebuild, remove_scratch
from vectorstore_instance.engine.maintenance.leftovers import collect, remove_folders
from vectorstore_instance.engine.maintenance.operation import Name, Operation, Store, Unfit
from vectorstore_instance.engine.maintenance.queue import compact
from vectorstore_instance.engine.maintenance.reclaimable import Reclaimable
from vectorstore_instance.engine.maintenance.space import vacuum, vacuum_room

__all__ = ["Maintenance", "Operation", "Unfit"]

log = logging.getLogger(__name__)

REMEMBERED = 50
"""Operations that can still be asked about."""

_DO: dict[Name, Callable[[Store, Operation], Awaitable[None]]] = {
    "collect": collect,
    "compact": compact,
    "vacuum": vacuum,
    "rebuild": rebuild,
    "checkpoint": checkpoint,
}


class Maintenance:
    """The maintenance of one instance."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reclaimable = Reclaimable(store.disk)
        self._operations: dict[str, Operation] = {}
        self._work: asyncio.Task[None] | None = None
        self._care: asyncio.Task[None] | None = None
        self._tried: dict[tuple[Name, str | None], float] = {}

    async def start(self) -> None:
        """Removes what a kill has left, and begins to look after the files."""
        await asyncio.to_thread(remove_scratch, self._store.disk)
        await asyncio.to_thread(remove_folders, self._store.disk)
        self._care = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """Breaks off what is being done; nothing is the worse for it."""
        for task in (self._care, self._work):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])

    @property
    def operations(self) -> list[Operation]:
        """What was done and is being done, the last first."""
        return list(reversed(self._operations.values()))

    async def begin(self, name: Name, collection: str | None = None, *, automatic: bool = False) -> Operation:
        """Begins an operation.

        Args:
            name: which.
            collection: id or name of the collection, for a rebuild.
            automatic: whether nobody asked for it: then it gives way to requests.

        Raises:
            ApiError: 409 while another one runs; 503 while the instance is starting or ending.
            Unfit: it cannot be done as things are.
        """
        if self._care is None or self._care.done():
            raise unavailable("the instance is starting or ending; try again in a moment")
        operation = Operation(name, collection, automatic)
        if running := next((one for one in self._operations.values() if one.ended is None), None):
            raise conflict(f"operation: {running.name} is running ({running.id}); wait until it has ended")
        self._operations[operation.id] = operation
        try:
            await self._check(operation)
        except BaseException:
            del self._operations[operation.id]
            raise
        for old in list(self._operations)[:-REMEMBERED]:
            del self._operations[old]
        self._work = asyncio.create_task(self._do(operation))
        return operation

    async def _check(self, operation: Operation) -> None:
        disk = self._store.disk
        if operation.name == "vacuum":
            await asyncio.to_thread(vacuum_room, disk)
        if operation.name == "rebuild":
            operation.collection = await asyncio.to_thread(self._resolve, operation.collection or "")
            await asyncio.to_thread(check_rebuild, disk, operation.collection)

    def _resolve(self, collection: str) -> str:
        """The id of a collection given by id or name."""
        indices = positions.indices(self._store.disk.tables.path)
        found = {index.collection for index in indices if collection in (index.collection, index.name)}
        if len(found) > 1:
            raise Unfit(f"collection: {collection!r} is in more than one database; give its id")
        if not found:
            raise Unfit(f"collection: there is none with the id or name {collection!r}")
        return found.pop()

    async def _do(self, operation: Operation) -> None:
        log.info("maintenance: %s %s begins", operation.name, operation.collection or "")
        try:
            await _DO[operation.name](self._store, operation)
            operation.phase = "done"
        except asyncio.CancelledError:
            operation.phase, operation.error = "failed", "broken off: the instance ends"
            raise
        except Exception as problem:
            operation.phase, operation.error = "failed", str(problem) or type(problem).__name__
            log.log(
                *(logging.WARNING if isinstance(problem, Unfit) else logging.ERROR, "maintenance: %s failed: %s"),
                *(operation.name, operation.error),
                exc_info=None if isinstance(problem, Unfit) else problem,
            )
        else:
            log.info("maintenance: %s done, %d bytes freed", operation.name, operation.bytes_freed)
        finally:
            operation.ended = time.time()
            self.reclaimable.forget()

    async def _look_after(self) -> None:
        """Does what is worth it while the store is quiet; looks only once after the last request."""
        looked = 0.0
        while True:
            await asyncio.sleep(automatic.LOOK_SECONDS)
            quiet = self._store.quiet_seconds()
            if quiet < automatic.QUIET_SECONDS or time.monotonic() - quiet < looked:
                continue
            looked = time.monotonic()
            try:
                await self._care_once()
            except Exception:
                log.exception("maintenance: looking what is worth doing failed")

    async def _care_once(self) -> None:
        waste = await asyncio.to_thread(self.reclaimable.look)
        for task in automatic.due(waste):
            if time.monotonic() - self._tried.get(task, float("-inf")) < automatic.AGAIN_SECONDS:
                continue
            self._tried[task] = time.monotonic()
            try:
                await self.begin(*task, automatic=True)
            except Unfit as problem:
                log.warning("maintenance: %s is due and cannot be done: %s", task[0], problem)
                continue
            if self._work is not None:
                await asyncio.wait([self._work])
