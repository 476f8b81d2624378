"""What is changed in Chroma's tables, by version 1.5.9's rules: beside `tables`, which reads, the only place.

Some of it is done while the engine is stopped (`prepare`), the rest beside the running
engine, in transactions that are short enough for it to wait for: it gives up after five seconds.
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

log = logging.getLogger(__name__)

_SCHEMA = {"embeddings_queue": 2, "metadb": 6, "sysdb": 10}
"""The migrations of Chroma 1.5.9, which everything here was written for."""

_KEEP_QUEUE = json.dumps({"automatically_purge": False, "_type": "EmbeddingsQueueConfigurationInternal"})

_UPSERT, _DELETE = 2, 3
"""Operations in the queue after which no earlier one of the same row matters; 0 is add, 1 update."""

_LISTS_GO = "vectorstore_lists_go"
_MAKE_LISTS_GO = (
    "create trigger vectorstore_lists_go after delete on embeddings "
    "begin delete from embedding_metadata_array where id = old.id; end"
)
"""Our trigger. Chroma 1.5.9 drops a collection or a database without its list metadata, which the next rows
to get the same numbers inherit. So it goes in the transaction that drops the rows, whatever dies when."""

_TOPICS = "vectorstore_topics"
_INDEX_QUEUE = f"create index {_TOPICS} on embeddings_queue (topic)"
"""Our index. At each write Chroma 1.5.9 reads what the queue holds of a collection since its files were last written,
or ever, by going through all that it holds since: little where it is purged, 10 MB beside 5,000 rows of others here."""
_INDEXING = 256
"""Bytes an operation takes at most while that is made: in the index, in SQLite's log, and sorted before."""
_LEAST = 100
"""Bytes an operation takes at least in the queue."""

_ORPHANS = {
    "segments": "collection not in (select id from collections)",
    "collection_metadata": "collection_id not in (select id from collections)",
    "segment_metadata": "segment_id not in (select id from segments)",
    "max_seq_id": "segment_id not in (select id from segments)",
    "embeddings": "segment_id not in (select id from segments)",
    "embedding_metadata": "id not in (select id from embeddings)",
    "embedding_metadata_array": "id not in (select id from embeddings)",
    "embedding_fulltext_search": "rowid not in (select id from embeddings)",
    # The newest operation stays whosesoever it is: Chroma numbers the next by it.
    "embeddings_queue": "substr(topic, -36) not in (select id from collections) "
    "and seq_id < (select max(seq_id) from embeddings_queue)",
}
"""Rows of no living collection by table."""

_SMALL = ("segments", "collection_metadata", "segment_metadata", "max_seq_id")
LARGE = tuple(table for table in _ORPHANS if table not in _SMALL)
"""Tables of which there are too many rows to go through at once; owners before what they own."""


class UnknownSchema(Exception):
    """The tables are not those of the known version."""


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that may write, and waits as long as the engine's longest commit takes.

    Large sorts and copies go to the data's own volume: /tmp may be small, or memory.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)) as db:
        db.execute(f"pragma temp_store_directory = '{str(path.parent.absolute()).replace(chr(39), chr(39) * 2)}'")
        yield db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction that may write from its beginning, committed at its end; undone where something is raised."""
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.execute("commit")


def free_bytes(db: sqlite3.Connection) -> int:
    """Bytes of pages within the file that hold nothing."""
    return _pragma(db, "freelist_count") * _pragma(db, "page_size")


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of pages that hold something: what a vacuum writes."""
    return _pragma(db, "page_count") * _pragma(db, "page_size") - free_bytes(db)


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"pragma {name}").fetchone()[0])


def check(path: Path) -> None:
    """Looks whether tables are of the known version, and changes nothing.

    Raises:
        UnknownSchema: they are not.
    """
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as db:
        _check(db)


def _check(db: sqlite3.Connection) -> None:
    found = dict(db.execute("select dir, max(version) from migrations group by dir"))
    if found != _SCHEMA:
        raise UnknownSchema(f"schema {found} is not the known {_SCHEMA}")


def prepare(path: Path) -> None:
    """Brings tables of which the engine has let go into the state it may start on.

    Raises:
        UnknownSchema: this is not the known version.
    """
    with writing(path) as db:
        _check(db)
        db.execute("pragma journal_mode = wal")
        # Nothing is written where it is so already: the engine must start on a full disk, too.
        db.execute(
            "update embeddings_queue_config set config_json_str = ? where config_json_str != ?",
            (_KEEP_QUEUE, _KEEP_QUEUE),
        )
        _let_lists_go(db)
        _index_queue(db, shutil.disk_usage(path.parent).free)


def _let_lists_go(db: sqlite3.Connection) -> None:
    """Takes away list metadata whose rows are gone, once, and has it go with its rows from then on."""
    if _has(db, "trigger", _LISTS_GO):
        return
    with transaction(db):
        db.execute(f"delete from embedding_metadata_array where {_ORPHANS['embedding_metadata_array']}")  # noqa: S608
        db.execute(_MAKE_LISTS_GO)


def _index_queue(db: sqlite3.Connection, free: int) -> None:
    """Indexes the queue, once; not where that took half of the disk's free bytes: without it all goes on, slower."""
    if _has(db, "index", _TOPICS):
        return
    needed = min(newest_operation(db), used_bytes(db) // _LEAST) * _INDEXING
    if needed > free // 2:
        log.warning(
            "the queue is not indexed: that may take %d bytes, and %d are free; writes are slower", needed, free
        )
    else:
        db.execute(_INDEX_QUEUE)


def _has(db: sqlite3.Connection, kind: str, name: str) -> bool:
    return db.execute("select 1 from sqlite_master where type = ? and name = ?", (kind, name)).fetchone() is not None


def compact(db: sqlite3.Connection) -> None:
    """Takes out of the queue what a later operation made void, in the transaction that the connection is in."""
    delete_operations(db, superseded(db))


def superseded(db: sqlite3.Connection) -> list[int]:
    """The operations in the queue that a later one on the same row made void, by number.

    A replay is as long as what is left, and better: HNSW loses sight of rows that are overwritten again
    and again. Only what the metadata segment has taken in may go, since an upsert adds to metadata. The
    newest operation always stays: Chroma numbers the next by it.
    """
    return [number for (number,) in db.execute(f"select q.seq_id {_superseded(db)}")]


def newest_operation(db: sqlite3.Connection) -> int:
    """The number of the last operation in the queue; 0 while there is none."""
    return int(db.execute("select coalesce(max(seq_id), 0) from embeddings_queue").fetchone()[0])


def queue_sizes(db: sqlite3.Connection) -> tuple[int, int, int]:
    """How many operations the queue holds, how many of them are superseded, and the bytes of those.

    Reads the whole queue.
    """
    held = db.execute("select count(*) from embeddings_queue").fetchone()[0]
    size = "length(q.topic) + length(q.id) + coalesce(length(q.vector), 0) + coalesce(length(q.metadata), 0)"
    return held, *db.execute(f"select count(*), coalesce(sum({size}), 0) {_superseded(db)}").fetchone()


def _superseded(db: sqlite3.Connection) -> str:
    """Notes the final operation on every row, and returns the rest of a select of those before it."""
    db.execute("drop table if exists temp.final")
    db.execute(
        "create temp table final as select topic, id, max(seq_id) as seq_id from embeddings_queue not indexed "
        "where operation in (?, ?) group by topic, id",
        (_UPSERT, _DELETE),
    )
    db.execute("create index temp.final_by_row on final (topic, id)")
    return (
        "from embeddings_queue q not indexed"  # not by collection: it would be gone through for each of its rows
        " cross join final f on f.topic = q.topic and f.id = q.id and f.seq_id > q.seq_id"
        " join segments s on s.collection = substr(q.topic, -36) and s.scope = 'METADATA'"
        " join max_seq_id m on m.segment_id = s.id and m.seq_id >= q.seq_id"
    )


def delete_operations(db: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Deletes operations from the queue, in the transaction that the connection is in or each in its own."""
    db.executemany("delete from embeddings_queue where seq_id = ?", ((number,) for number in numbers))


def delete_small_orphans(db: sqlite3.Connection) -> int:
    """Deletes what dropped collections left in the tables about collections; returns how many rows that were.

    No collection may be made meanwhile.
    """
    with transaction(db):
        return sum(db.execute(f"delete from {table} where {_ORPHANS[table]}").rowcount for table in _SMALL)  # noqa: S608


def orphans(db: sqlite3.Connection, table: str) -> list[int]:
    """Rows of one of the `LARGE` tables that belong to no living collection, by number."""
    source = f"{table}_content" if table == "embedding_fulltext_search" else table  # FTS5 finds no rows by number
    return [row for (row,) in db.execute(f"select rowid from {source} where {_ORPHANS[table]}")]  # noqa: S608


def delete_orphans(table: str, db: sqlite3.Connection, rows: Sequence[int]) -> None:
    """Deletes rows of a table that are orphans still: a number may have found a new owner."""
    db.executemany(f"delete from {table} where rowid = ? and {_ORPHANS[table]}", ((row,) for row in rows))  # noqa: S608


def vacuum(db: sqlite3.Connection) -> None:
    """Writes the database anew without its free pages and gives their bytes back; readers go on meanwhile."""
    db.execute("vacuum")
    db.execute("pragma wal_checkpoint(truncate)")
