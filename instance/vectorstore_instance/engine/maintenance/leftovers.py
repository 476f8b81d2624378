"""`collect`: removes what dropped collections left behind, folders and rows.

Chroma 1.5.9 drops a collection or a database without the folder of its index, and a database without
its segments. We remove the folders in the same moment and at every start; this finds whatever else
there may be in data that came about otherwise.
"""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path

from vectorstore_instance.engine import changes
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.maintenance.operation import Operation, Store, in_thread
from vectorstore_instance.engine.maintenance.queue import in_turns
from vectorstore_instance.engine.sizes import folder_bytes


async def collect(store: Store, operation: Operation) -> None:
    """Removes orphan folders and rows."""
    with changes.writing(store.disk.tables.path) as db:
        free = changes.free_bytes(db)
        operation.enter("removing rows of dropped collections")
        # Which collections there are must not change while their own tables are looked at.
        async with store.parked():
            operation.bytes_freed += await asyncio.to_thread(remove_folders, store.disk)
            operation.done += await in_thread(db, changes.delete_small_orphans)
        for table in changes.LARGE:
            rows = await in_thread(db, changes.orphans, table)
            operation.total = operation.done + len(rows)
            await in_turns(store, db, operation, rows, partial(changes.delete_orphans, table))
        operation.bytes_freed += changes.free_bytes(db) - free


def orphan_folders(disk: Disk) -> list[Path]:
    """Index folders of no living collection. Listed before the collections are: a new one's is none of them."""
    folders = disk.segment_folders()
    living = disk.tables.segments() if folders else set()
    return [folder for folder in folders if folder.name not in living]


def remove_folders(disk: Disk) -> int:
    """Removes the index folders of no living collection; returns how many bytes they took."""
    folders = orphan_folders(disk)
    size = sum(map(folder_bytes, folders))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return size
