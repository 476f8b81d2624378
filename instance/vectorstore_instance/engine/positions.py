"""How far the index files have come, and what the queue holds beyond: the other page of `tables`.

Chroma replays what the queue holds after a segment's position. So index files and position belong
together: who puts older files in place sets the position they were at, and who drops them drops it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from vectorstore_instance.engine.changes import compact, newest_operation, transaction, writing

BUCKET = 16
"""Operations whose places in the queue are counted as one."""


@dataclass(frozen=True)
class Index:
    """The vector segment of a collection."""

    segment: str
    """Also the name of its folder."""
    collection: str
    name: str
    tenant: str
    database: str
    dimension: int | None
    position: int | None
    """The last operation its files hold, as Chroma noted it after writing them."""


def indices(database: Path) -> list[Index]:
    """Every vector segment there is."""
    with _reading(database) as db:
        rows = db.execute(
            "select s.id, c.id, c.name, d.tenant_id, d.name, c.dimension, m.seq_id from segments s "
            "join collections c on c.id = s.collection join databases d on d.id = c.database_id "
            "left join max_seq_id m on m.segment_id = s.id where s.scope = 'VECTOR'"
        )
        return [Index(*row) for row in rows]


def position(database: Path, segment: str) -> int | None:
    """The last operation that a segment's files hold."""
    with _reading(database) as db:
        found = db.execute("select seq_id from max_seq_id where segment_id = ?", (segment,)).fetchone()
        return None if found is None else int(found[0])


def shorten(database: Path) -> None:
    """Takes out of the queue what later operations made void: a replay is shorter."""
    with writing(database) as db, transaction(db):
        compact(db)


def put(database: Path, positions: Mapping[str, int | None]) -> None:
    """Sets the positions of segments whose files were replaced, while the engine is stopped; None where none are."""
    with writing(database) as db, transaction(db):
        db.executemany("delete from max_seq_id where segment_id = ?", [(segment,) for segment in positions])
        db.executemany(
            "insert into max_seq_id (segment_id, seq_id) values (?, ?)",
            [(segment, seq) for segment, seq in positions.items() if seq is not None],
        )


def pending(database: Path) -> dict[str, int]:
    """How many operations the engine will replay, by collection; those without any left out."""
    with _reading(database) as db:
        lowest = db.execute(
            "select min(coalesce(m.seq_id, 0)) from segments s left join max_seq_id m on m.segment_id = s.id "
            "where s.scope = 'VECTOR'"
        ).fetchone()[0]
        return dict(
            db.execute(
                "select s.collection, count(*) from embeddings_queue q "
                "join segments s on s.collection = substr(q.topic, -36) and s.scope = 'VECTOR' "
                "left join max_seq_id m on m.segment_id = s.id "
                "where q.seq_id > ? and q.seq_id > coalesce(m.seq_id, 0) group by s.collection",
                (lowest or 0,),
            )
        )


def newest(database: Path) -> int:
    """The last operation in the queue; a reset begins at 1 again."""
    with _reading(database) as db:
        return newest_operation(db)


def operations(database: Path, after: int) -> list[tuple[str, int, int, int]]:
    """What the queue holds after an operation: collection, bucket, how many, the last of them."""
    with _reading(database) as db:
        return db.execute(
            "select substr(topic, -36), seq_id / ?, count(*), max(seq_id) from embeddings_queue "
            "where seq_id > ? group by 1, 2",
            (BUCKET, after),
        ).fetchall()


def _reading(database: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True))
