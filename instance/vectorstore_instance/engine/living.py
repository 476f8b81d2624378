"""The rows that a collection's queue makes, in the order of their ids: a page of `tables`.

The queue holds what every living row came from, with its vector, so this is what an index must hold,
found without one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

from vectorstore_instance.engine.operations import ADD, DELETE, UPDATE
from vectorstore_instance.engine.tables import TOPIC

Row = tuple[str, bytes]
"""An id and its vector, float32 little-endian."""
_Operation = tuple[str, int, bytes | None]

_AT_ONCE = 500


def living(database: Path, collection: str) -> Iterator[Row]:
    """Every row of a collection."""
    with closing(_reading(database)) as db:
        yield from _made(_operations(db, "", (TOPIC + collection,)))


def some(database: Path, collection: str, count: int) -> list[Row]:
    """At most so many rows of a collection, from all parts of it."""
    with closing(_reading(database)) as db:
        found = "from embeddings e join segments s on s.id = e.segment_id and s.scope = 'METADATA' and s.collection = ?"
        rows = db.execute(f"select count(*) {found}", (collection,)).fetchone()[0]
        ids = [
            db.execute(f"select embedding_id {found} order by e.id limit 1 offset ?", (collection, at)).fetchone()[0]
            for at in sorted({n * rows // count for n in range(count)})
            if at < rows
        ]
        return list(_made(_operations(db, f"and id in ({','.join('?' * len(ids))})", (TOPIC + collection, *ids))))


def batches(rows: Iterable[Row], size: int) -> Iterator[Sequence[Row]]:
    """The rows, so many at a time."""
    part: list[Row] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def after(database: Path, collection: str, operation: int) -> int:
    """How many operations the queue holds of a collection after one."""
    with closing(_reading(database)) as db:
        counted = db.execute(
            "select count(*) from embeddings_queue where topic = ? and seq_id > ?", (TOPIC + collection, operation)
        )
        return int(counted.fetchone()[0])


def _operations(db: sqlite3.Connection, which: str, values: Sequence[str]) -> Iterator[_Operation]:
    """Operations by id, those of one in their order. Vectors are looked up after the sort, which is small then."""
    order = "select id, seq_id, operation from embeddings_queue where topic = ? {} order by id, seq_id"
    found = db.execute(order.format(which), values)
    while part := found.fetchmany(_AT_ONCE):
        marks = ",".join("?" * len(part))
        numbers = [number for _, number, _ in part]
        vectors = dict(db.execute(f"select seq_id, vector from embeddings_queue where seq_id in ({marks})", numbers))  # noqa: S608
        for id_, number, kind in part:
            yield id_, kind, vectors[number]


def _made(operations: Iterable[_Operation]) -> Iterator[Row]:
    for id_, own in groupby(operations, key=lambda operation: operation[0]):
        vector = _outcome((kind, vector) for _, kind, vector in own)
        if vector is not None:
            yield id_, vector


def _outcome(operations: Iterable[tuple[int, bytes | None]]) -> bytes | None:
    """The vector that operations on one row leave; None where they leave no row."""
    there: bytes | None = None
    for kind, vector in operations:
        if kind == DELETE:
            there = None
        elif (kind == ADD and there is not None) or (kind == UPDATE and there is None):
            continue  # as Chroma does: who adds what is there, or updates what is not, changes nothing
        else:
            there = vector if vector is not None else there
    return there


def _reading(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True, check_same_thread=False)
