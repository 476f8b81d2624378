"""`rebuild`: makes one collection's index anew from the queue, and puts it in the old one's place.

HNSW never gives the slot of a deleted row to another, so files and memory only grow. A second engine
takes the collection's operations again, in a scratch folder, while the first goes on. What comes in
meanwhile is taken, too, until little is left. Then writes are parked, the last is taken, the first
engine is stopped in order, the folders change places, the position is set, and the next request wakes
the engine. Reads wait for that last step alone. The collection keeps its id.

A kill before the exchange leaves a scratch folder, which the next start removes. A kill within it finds
the seal broken, so the next start trusts an index only as far as it proves itself, and makes it again
from its checkpoint or the queue.
"""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path

from vectorstore_instance.engine import cgroup, positions
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.ending import to_its_end
from vectorstore_instance.engine.maintenance.aside import AT_ONCE, Aside, start_aside
from vectorstore_instance.engine.maintenance.header import read_header
from vectorstore_instance.engine.maintenance.operation import NoRoom, Operation, Store, Unfit, give_way
from vectorstore_instance.engine.maintenance.queue import compact
from vectorstore_instance.engine.maintenance.space import check_room
from vectorstore_instance.engine.manifest import sync
from vectorstore_instance.engine.operations import Standing, standing, written
from vectorstore_instance.engine.sizes import folder_bytes

SCRATCH = "scratch"
"""The folder within the data where the new index comes about; there only while it does."""
ENGINE_BYTES = 64 << 20
"""Memory that a second engine takes beside its index."""
LITTLE = 100
"""Operations that may be left for when writes are parked: half a millisecond each, two where they overwrite."""
ROUNDS = 20
"""How often what came in meanwhile is taken, where it is never little."""


def check_rebuild(disk: Disk, collection: str | None) -> Standing:
    """Checks that there is something to rebuild, and room for it.

    Raises:
        Unfit: there is not; says why.
    """
    at = _standing(disk, collection)
    header = read_header(disk.index(at.segment))
    if at.dimension is None or header is None:
        raise Unfit("collection: it has no index files yet, so there is nothing to rebuild")
    index = (at.documents + AT_ONCE) * header.slot_bytes
    check_room(disk, 2 * index, "making the index anew")  # it, and as much for the second engine's queue
    needed, memory = ENGINE_BYTES + 3 * index // 2, cgroup.memory()  # it grows by steps, and knows every id twice
    if memory is not None and memory.limit - memory.used < needed:
        raise NoRoom(
            f"making the index anew needs {needed} bytes of memory, and {memory.limit - memory.used} of "
            f"{memory.limit} are free; raise the memory limit for as long as it takes"
        )
    return at


async def rebuild(store: Store, operation: Operation) -> None:
    """Rebuilds the index of the operation's collection.

    Raises:
        Unfit: it cannot be done as things are; nothing is changed.
        ChildFailed, UpstreamLost: the second engine failed; nothing is changed.
    """
    disk = store.disk
    at = await asyncio.to_thread(check_rebuild, disk, operation.collection)
    await compact(store, operation)
    try:
        engine = await start_aside(disk.folder / SCRATCH, disk.lock, at.configuration, at.documents)
        try:
            await _make(store, operation, engine)
        finally:
            await to_its_end(engine.stop())
    finally:
        await to_its_end(asyncio.to_thread(remove_scratch, disk))


def remove_scratch(disk: Disk) -> None:
    """Removes what a rebuild that was broken off has left."""
    shutil.rmtree(disk.folder / SCRATCH, ignore_errors=True)


async def _make(store: Store, operation: Operation, engine: Aside) -> None:
    """Makes the new index as far as it can be beside writes, then parks these, finishes it and puts it in place."""
    disk, position = store.disk, 0
    operation.enter("taking operations in")
    for _ in range(ROUNDS):
        already = operation.done
        position = await _take_in(store, operation, engine, position)
        if operation.done - already <= LITTLE:
            break
    await engine.approach(2 * LITTLE)
    operation.enter("waiting for writes to end")
    async with store.parked():
        operation.enter("finishing the new index")
        position = await _take_in(store, operation, engine, position, parked=True)
        at = await asyncio.to_thread(_standing, disk, operation.collection)
        if (there := await asyncio.to_thread(engine.count)) != at.documents:
            raise Unfit(f"the queue holds {there} of {at.documents} rows, so the index cannot be made from it")
        new = await engine.finish()
        await asyncio.to_thread(_sync_files, new)
        operation.enter("putting the new index in place")
        await store.while_stopped(partial(_exchange, disk, at, new, operation))


async def _take_in(store: Store, operation: Operation, engine: Aside, position: int, *, parked: bool = False) -> int:
    """Has the second engine do the operations after a position; returns the last one's."""
    path = store.disk.tables.path
    at = await asyncio.to_thread(_standing, store.disk, operation.collection)
    operation.total = max(operation.total, operation.done, at.documents)
    while some := await asyncio.to_thread(written, path, operation.collection or "", position, at.position, AT_ONCE):
        if not parked:
            await give_way(store, operation)
        await engine.feed(some)
        position = some[-1].number
        operation.done += len(some)
    return at.position


def _standing(disk: Disk, collection: str | None) -> Standing:
    found = standing(disk.tables.path, collection or "")
    if found is None:
        raise Unfit(f"collection: {collection} is not there any more")
    return found


def _exchange(disk: Disk, at: Standing, new: Path, operation: Operation) -> None:
    """Puts the new folder in the old one's place; the engine has let go of both."""
    old = disk.index(at.segment)
    before, after = read_header(old), read_header(new)
    if not disk.clean or at.segment not in disk.tables.segments():
        raise Unfit("the engine did not end in order, or the collection was dropped; try again")
    if before is None or after is None or before[1:] != after[1:]:
        raise Unfit(f"the new index is not of the old one's kind: {after} instead of {before}")
    operation.bytes_freed += folder_bytes(old) - folder_bytes(new)
    disk.unseal()
    old.rename(disk.folder / SCRATCH / "old")
    new.rename(old)
    sync(disk.folder)
    positions.put(disk.tables.path, {at.segment: at.position})
    disk.checkpoints.drop(at.segment)
    disk.seal()


def _sync_files(folder: Path) -> None:
    for file in folder.iterdir():
        sync(file)
    sync(folder)
