"""Chroma's private SQLite schema as it is read, by version 1.5.9's rules; `changes` is what changes it.

Reading is done beside the running engine, which in WAL mode neither waits for the other. Only one
SQLite library opens the file in this process: POSIX locks are per process, and a second library
would drop the first one's.
"""

from __future__ import annotations

import sqlite3
from collections import abc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Scalar = str | int | float | bool | None

TOPIC = "persistent://default/default/"
"""What the queue calls a collection, before its id; for the one tenant and namespace of a Chroma of one node."""

_VERSIONS = "select embedding_id, seq_id from embeddings where segment_id = ? and embedding_id in ({marks})"
_VALUES = (
    "select e.embedding_id, m.key, m.string_value, m.int_value, m.float_value, m.bool_value from embeddings e "
    "left join embedding_metadata m on m.id = e.id where e.segment_id = ? and e.embedding_id in ({marks})"
)
_LISTS = (
    "select e.embedding_id, a.key, a.string_value, a.int_value, a.float_value, a.bool_value from embeddings e "
    "join embedding_metadata_array a on a.id = e.id where e.segment_id = ? and e.embedding_id in ({marks}) "
    "order by a.rowid"
)


@dataclass(frozen=True)
class Collection:
    """A collection as the tables know it."""

    id: str
    tenant: str
    database: str
    dimension: int | None


@dataclass(frozen=True)
class Indexing:
    """How far a collection's index is, in Chroma's words: in order of its JSON."""

    num_indexed_ops: int
    num_unindexed_ops: int
    total_ops: int
    op_indexing_progress: float
    """Between 0 and 1; 1 where there is nothing to index."""


class Tables:
    """One instance's `chroma.sqlite3`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: sqlite3.Connection | None = None

    def close(self) -> None:
        """Closes the kept connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def is_empty(self) -> bool:
        """Whether there is no collection."""
        with self._reading() as db:
            try:
                return db.execute("select 1 from collections limit 1").fetchone() is None
            except sqlite3.OperationalError:  # the engine was ended before it made its tables
                return True

    def collections(self) -> list[Collection]:
        """All collections there are."""
        with self._reading() as db:
            rows = db.execute(
                "select c.id, d.tenant_id, d.name, c.dimension from collections c "
                "join databases d on d.id = c.database_id"
            )
            return [Collection(*row) for row in rows]

    def segments(self) -> set[str]:
        """The segments of the collections there are."""
        with self._reading() as db:
            found = db.execute("select s.id from segments s join collections c on c.id = s.collection")
            return {segment for (segment,) in found}

    def documents(self) -> dict[str, int]:
        """Documents by collection id."""
        with self._reading() as db:
            return dict(
                db.execute(
                    # A dropped database leaves its segments, so it is the collections that are asked.
                    "select s.collection, count(e.id) from segments s join collections c on c.id = s.collection "
                    "left join embeddings e on e.segment_id = s.id where s.scope = 'METADATA' group by s.collection"
                )
            )

    def indexing(self, collection: str) -> Indexing | None:
        """How far a collection's index is; None where there is no such collection. Reads what the queue holds of it.

        The engine takes every operation into metadata and index before it acknowledges it, so what the
        metadata has taken in is what queries find. Operations that were made void are not counted.
        """
        with self._reading() as db:
            total, ahead, known = db.execute(
                "select count(q.seq_id), count(case when q.seq_id > coalesce(m.seq_id, 0) then 1 end), count(*) "
                "from collections c join segments s on s.collection = c.id and s.scope = 'METADATA' "
                "left join max_seq_id m on m.segment_id = s.id "
                "left join embeddings_queue q on q.topic = ? where c.id = ?",
                (TOPIC + collection, collection),
            ).fetchone()
        return Indexing(total - ahead, ahead, total, (total - ahead) / total if total else 1.0) if known else None

    def named(self, database: str, name: str) -> tuple[str, int | None] | None:
        """Id and dimension of the collection of that name in a database of the default tenant."""
        found: tuple[str, int | None] | None = self._reader.execute(
            "select c.id, c.dimension from collections c join databases d on d.id = c.database_id "
            "where d.tenant_id = 'default_tenant' and d.name = ? and c.name = ?",
            (database, name),
        ).fetchone()
        return found

    def segment_and_dimension(self, collection: str) -> tuple[str, int | None] | None:
        """The metadata segment of a collection, and the length of its vectors if it has any yet."""
        found: tuple[str, int | None] | None = self._reader.execute(
            "select s.id, c.dimension from segments s join collections c on c.id = s.collection "
            "where s.collection = ? and s.scope = 'METADATA'",
            (collection,),
        ).fetchone()
        return found

    def known_ids(self, segment: str, ids: list[str]) -> set[str]:
        """Which of the ids a metadata segment has."""
        marks = ",".join("?" * len(ids))
        query = f"select embedding_id from embeddings where segment_id = ? and embedding_id in ({marks})"  # noqa: S608
        return {row[0] for row in self._reader.execute(query, (segment, *ids))}

    def versions(self, segment: str, ids: abc.Collection[str]) -> dict[str, bytes]:
        """Rows by id, each with the number of the last operation on it, which grows with every change."""
        query = _VERSIONS.format(marks=",".join("?" * len(ids)))
        return dict(self._reader.execute(query, (segment, *ids)).fetchall())

    def values(
        self, segment: str, ids: abc.Collection[str], most: int
    ) -> list[tuple[str, str | None, Scalar | list[Scalar]]] | None:
        """What the rows with these ids have beside vectors: id, key and value; a row without any has one None.

        Returns:
            None where their texts have more than so many characters together.
        """
        marks = ",".join("?" * len(ids))
        with self._moment() as db:
            plain = _bounded(db.execute(_VALUES.format(marks=marks), (segment, *ids)), most)
            some = db.execute("select 1 from embedding_metadata_array limit 1").fetchone()
            items = _bounded(db.execute(_LISTS.format(marks=marks), (segment, *ids)), most) if some else []
        if plain is None or items is None:
            return None
        lists: dict[tuple[str, str], list[Scalar]] = {}
        for id_, key, *value in items:
            lists.setdefault((id_, key), []).append(_value(*value))
        found: list[tuple[str, str | None, Scalar | list[Scalar]]]
        found = [(id_, key, _value(*value)) for id_, key, *value in plain]
        return [*found, *((id_, key, value) for (id_, key), value in lists.items())]

    def count(self, segment: str) -> int:
        """Documents of a metadata segment."""
        counted = self._reader.execute("select count(*) from embeddings where segment_id = ?", (segment,))
        return int(counted.fetchone()[0])

    @property
    def _reader(self) -> sqlite3.Connection:
        """A kept connection for the event loop's thread; it cannot write."""
        if self._kept is None:
            self._kept = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        return self._kept

    @contextmanager
    def _moment(self) -> Iterator[sqlite3.Connection]:
        """The kept connection, for several questions about one moment: the engine commits in between."""
        self._reader.execute("begin")
        try:
            yield self._reader
        finally:
            self._reader.rollback()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
            yield db


def _bounded(rows: sqlite3.Cursor, most: int) -> list[Any] | None:
    """The rows, whose third column is text; None where there is more text than that."""
    found = []
    for row in rows:
        most -= len(row[2] or "")
        if most < 0:
            return None
        found.append(row)
    return found


def _value(string: str | None, integer: int | None, real: float | None, boolean: int | None) -> Scalar:
    if string is not None:
        return string
    if boolean is not None:
        return bool(boolean)
    return integer if integer is not None else real
