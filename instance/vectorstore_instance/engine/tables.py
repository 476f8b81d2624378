"""Chroma's private SQLite schema: the only place that reads or changes it, by version 1.5.9's rules.

Reading is done beside the running engine, which in WAL mode neither waits for the other. Changing is
done only while the engine is stopped. Only one SQLite library opens the file in this process: POSIX
locks are per process, and a second library would drop the first one's.
"""

from __future__ import annotations

import json
import sqlite3
from collections import abc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = {"embeddings_queue": 2, "metadb": 6, "sysdb": 10}
"""The migrations of Chroma 1.5.9, which everything here was written for."""

_KEEP_QUEUE = json.dumps({"automatically_purge": False, "_type": "EmbeddingsQueueConfigurationInternal"})

_UPSERT, _DELETE = 2, 3
"""Operations in the queue after which no earlier one of the same row matters; 0 is add, 1 update."""


class UnknownSchema(Exception):
    """The tables are not those of the known version."""


Scalar = str | int | float | bool | None

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

    def prepare(self, *, rebuild: bool) -> None:
        """Brings tables of which the engine has let go into the state it may start on.

        Args:
            rebuild: whether the engine shall make every index again from the queue.

        Raises:
            UnknownSchema: this is not the known version.
        """
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            found = dict(db.execute("select dir, max(version) from migrations group by dir"))
            if found != _SCHEMA:
                raise UnknownSchema(f"schema {found} is not the known {_SCHEMA}")
            db.execute("pragma journal_mode = wal")
            db.execute("update embeddings_queue_config set config_json_str = ?", (_KEEP_QUEUE,))
            if rebuild:
                db.execute("begin immediate")
                _compact(db)
                # Without its position the engine replays a vector segment from the queue's start.
                db.execute(
                    "delete from max_seq_id where segment_id in (select id from segments where scope = 'VECTOR')"
                )
                db.execute("commit")

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

    def documents(self) -> dict[str, int]:
        """Documents by collection id."""
        with self._reading() as db:
            return dict(
                db.execute(
                    "select s.collection, count(e.id) from segments s left join embeddings e on e.segment_id = s.id "
                    "where s.scope = 'METADATA' group by s.collection"
                )
            )

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

    def values(self, segment: str, ids: abc.Collection[str]) -> Iterator[tuple[str, str | None, Scalar | list[Scalar]]]:
        """What the rows with these ids have beside vectors: id, key and value; a row without any has one None."""
        marks = ",".join("?" * len(ids))
        plain = _VALUES.format(marks=marks)
        for id_, key, string, integer, real, boolean in self._reader.execute(plain, (segment, *ids)):
            yield id_, key, _value(string, integer, real, boolean)
        if self._reader.execute("select 1 from embedding_metadata_array limit 1").fetchone() is None:
            return
        lists: dict[tuple[str, str], list[Scalar]] = {}
        for id_, key, *value in self._reader.execute(_LISTS.format(marks=marks), (segment, *ids)):
            lists.setdefault((id_, key), []).append(_value(*value))
        for (id_, key), items in lists.items():
            yield id_, key, items

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
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
            yield db


def _value(string: str | None, integer: int | None, real: float | None, boolean: int | None) -> Scalar:
    if string is not None:
        return string
    if boolean is not None:
        return bool(boolean)
    return integer if integer is not None else real


def _compact(db: sqlite3.Connection) -> None:
    """Takes out of the queue what a later operation on the same row made void.

    A replay is as long as what is left, and better: HNSW loses sight of rows that are overwritten again
    and again. Only what the metadata segment has taken in may go, since an upsert adds to metadata. The
    newest operation always stays: Chroma numbers the next by it.
    """
    db.execute(
        "create temp table final as select topic, id, max(seq_id) as seq_id from embeddings_queue "
        "where operation in (?, ?) group by topic, id",
        (_UPSERT, _DELETE),
    )
    db.execute("create index temp.final_by_row on final (topic, id)")
    db.execute(
        "delete from embeddings_queue where seq_id in ("
        "  select q.seq_id from embeddings_queue q"
        "  join final f on f.topic = q.topic and f.id = q.id and f.seq_id > q.seq_id"
        "  join segments s on s.collection = substr(q.topic, -36) and s.scope = 'METADATA'"
        "  join max_seq_id m on m.segment_id = s.id and m.seq_id >= q.seq_id)"
    )
