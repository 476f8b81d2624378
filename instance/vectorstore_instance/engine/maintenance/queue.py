"""`compact`: takes out of the queue what later operations made void, beside the running engine."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence

from vectorstore_instance.engine import changes
from vectorstore_instance.engine.maintenance.operation import Operation, Store, give_way, in_thread

AT_ONCE = 500
"""Rows deleted in one transaction: the engine's writes wait for some milliseconds, and give up after 5,000."""


async def compact(store: Store, operation: Operation) -> None:
    """Deletes superseded operations; see `changes.superseded` for which those are."""
    with changes.writing(store.disk.tables.path) as db:
        free = changes.free_bytes(db)
        operation.enter("looking for superseded operations")
        void = await in_thread(db, changes.superseded)
        operation.enter("deleting superseded operations", len(void))
        await in_turns(store, db, operation, void, changes.delete_operations)
        operation.bytes_freed += changes.free_bytes(db) - free


async def in_turns(
    store: Store,
    db: sqlite3.Connection,
    operation: Operation,
    rows: Sequence[int],
    delete: Callable[[sqlite3.Connection, Sequence[int]], None],
) -> None:
    """Deletes many rows in small transactions, and between them leaves the database alone for as long."""
    for at in range(0, len(rows), AT_ONCE):
        await give_way(store, operation)
        some = rows[at : at + AT_ONCE]
        took = await in_thread(db, _at_once, some, delete)
        operation.done += len(some)
        await asyncio.sleep(took)


def _at_once(
    db: sqlite3.Connection, rows: Sequence[int], delete: Callable[[sqlite3.Connection, Sequence[int]], None]
) -> float:
    started = time.monotonic()
    with changes.transaction(db):
        delete(db, rows)
    return time.monotonic() - started
