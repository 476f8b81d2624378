"""What is taken out of the queue before an index is made again from it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from vectorstore_instance.engine import changes
from vectorstore_instance.engine.positions import put, shorten

COLLECTION = "11111111-2222-3333-4444-555555555555"
TOPIC = f"persistent://default/default/{COLLECTION}"
ADD, UPDATE, UPSERT, DELETE = range(4)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "chroma.sqlite3", isolation_level=None)
    connection.executescript(f"""
        create table migrations (dir text, version integer);
        insert into migrations values ('embeddings_queue', 2), ('metadb', 6), ('sysdb', 10);
        create table embeddings_queue_config (id integer, config_json_str text);
        insert into embeddings_queue_config values (1, '{{"automatically_purge":true}}');
        create table embeddings_queue (seq_id integer primary key, operation integer, topic text, id text);
        create table segments (id text, scope text, collection text);
        insert into segments values ('m', 'METADATA', '{COLLECTION}'), ('v', 'VECTOR', '{COLLECTION}');
        create table max_seq_id (segment_id text, seq_id integer);
        create table embeddings (id integer primary key, segment_id text, embedding_id text);
        create table embedding_metadata_array (id integer, key text, string_value text);
    """)
    yield connection
    connection.close()


def queue(db: sqlite3.Connection, *operations: tuple[int, str], taken_in: int = 1000) -> None:
    db.executemany(
        "insert into embeddings_queue (operation, topic, id) values (?, ?, ?)", [(o, TOPIC, i) for o, i in operations]
    )
    db.execute("insert into max_seq_id values ('m', ?), ('v', 1)", (taken_in,))


def left(db: sqlite3.Connection) -> list[int]:
    return [row[0] for row in db.execute("select seq_id from embeddings_queue order by seq_id")]


@pytest.mark.parametrize(
    ("operations", "kept"),
    [
        ([(ADD, "a"), (UPSERT, "a")], [2]),
        ([(UPSERT, "a"), (UPSERT, "b"), (UPSERT, "a")], [2, 3]),
        ([(UPSERT, "a"), (DELETE, "a")], [2]),
        ([(ADD, "a"), (UPDATE, "a")], [1, 2]),
        ([(UPSERT, "a"), (ADD, "a")], [1, 2]),
        ([(UPSERT, "a"), (UPDATE, "a"), (UPSERT, "a"), (UPDATE, "a")], [3, 4]),
    ],
)
def test_only_what_a_later_operation_made_void_goes(
    db: sqlite3.Connection, tmp_path: Path, operations: list[tuple[int, str]], kept: list[int]
) -> None:
    queue(db, *operations)
    shorten(tmp_path / "chroma.sqlite3")
    assert left(db) == kept


def test_positions_are_those_of_the_files_put_in_place(db: sqlite3.Connection, tmp_path: Path) -> None:
    queue(db, (UPSERT, "a"), (UPSERT, "a"), taken_in=2)
    put(tmp_path / "chroma.sqlite3", {"v": 7, "other": None})
    assert positions(db) == {"m": 2, "v": 7}
    put(tmp_path / "chroma.sqlite3", {"v": None})
    assert positions(db) == {"m": 2}


def positions(db: sqlite3.Connection) -> dict[str, int]:
    return dict(db.execute("select segment_id, seq_id from max_seq_id"))


def test_what_the_metadata_has_not_taken_in_stays(db: sqlite3.Connection, tmp_path: Path) -> None:
    queue(db, (UPSERT, "a"), (UPSERT, "a"), (UPSERT, "a"), taken_in=1)
    shorten(tmp_path / "chroma.sqlite3")
    assert left(db) == [2, 3]


def test_a_start_in_order_touches_neither_queue_nor_positions(db: sqlite3.Connection, tmp_path: Path) -> None:
    queue(db, (UPSERT, "a"), (UPSERT, "a"))
    changes.prepare(tmp_path / "chroma.sqlite3")
    assert left(db) == [1, 2]
    assert len(db.execute("select * from max_seq_id").fetchall()) == 2
    assert "false" in db.execute("select config_json_str from embeddings_queue_config").fetchone()[0]
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_queue_that_was_there_is_indexed_only_where_that_leaves_half_of_what_is_free(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(db, *[(UPSERT, f"row-{n}") for n in range(50)])
    for free, indexed in ((10_000, False), (1_000_000, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        changes.prepare(tmp_path / "chroma.sqlite3")
        changes.prepare(tmp_path / "chroma.sqlite3")
        found = db.execute("select name from sqlite_master where type = 'index'").fetchall()
        assert (("vectorstore_topics",) in found) is indexed


def test_another_schema_is_refused_untouched(db: sqlite3.Connection, tmp_path: Path) -> None:
    db.execute("update migrations set version = 11 where dir = 'sysdb'")
    with pytest.raises(changes.UnknownSchema, match="'sysdb': 11"):
        changes.prepare(tmp_path / "chroma.sqlite3")
    assert "true" in db.execute("select config_json_str from embeddings_queue_config").fetchone()[0]
