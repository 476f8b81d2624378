"""What is told of rows while they are written, and what is kept of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from vectorstore_instance.engine import records
from vectorstore_instance.engine.records import Record, Records
from vectorstore_instance.engine.tables import Tables

READING_LISTS = "join embedding_metadata_array a"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Tables as the engine has them, with one collection."""
    connection = sqlite3.connect(tmp_path / "chroma.sqlite3", isolation_level=None)
    connection.executescript("""
        pragma journal_mode = wal;
        create table collections (id text, dimension integer);
        create table segments (id text, scope text, collection text);
        insert into collections values ('c', 3);
        insert into segments values ('m', 'METADATA', 'c');
        create table embeddings (id integer primary key, segment_id text, embedding_id text, seq_id blob);
        create table embedding_metadata
            (id integer, key text, string_value text, int_value integer, float_value real, bool_value integer);
        create table embedding_metadata_array
            (id integer, key text, string_value text, int_value integer, float_value real, bool_value integer);
    """)
    yield connection
    connection.close()


@pytest.fixture
def tables(db: sqlite3.Connection, tmp_path: Path) -> Iterator[Tables]:
    tables = Tables(tmp_path / "chroma.sqlite3")
    yield tables
    tables.close()


def write(db: sqlite3.Connection, row: int, id_: str, version: int, **metadata: int) -> None:
    """A row with each value once as it is and once in a list."""
    db.execute("begin")
    db.execute("insert or replace into embeddings values (?, 'm', ?, ?)", (row, id_, version))
    for table, suffix in (("embedding_metadata", ""), ("embedding_metadata_array", " list")):
        db.execute(f"delete from {table} where id = ?", (row,))
        for key, value in metadata.items():
            db.execute(f"insert into {table} (id, key, int_value) values (?, ?, ?)", (row, key + suffix, value))
    db.execute("commit")


def test_a_row_that_changes_while_it_is_read_is_told_as_it_was_or_is(db: sqlite3.Connection, tables: Tables) -> None:
    write(db, 1, "a", 1, n=1)

    def change(statement: str) -> None:
        if READING_LISTS in statement:
            write(db, 1, "a", 2, n=2)

    tables._reader.set_trace_callback(change)
    (told,) = (Records(tables).of("c", ["a"]) or {}).values()
    assert json.loads(told.metadata) in ({"n": 1, "n list": [1]}, {"n": 2, "n list": [2]})


def test_keys_that_the_engine_keeps_to_itself_are_not_told(db: sqlite3.Connection, tables: Tables) -> None:
    write(db, 1, "a", 1, **{"chroma:own": 1, "n": 1})
    assert Records(tables).of("c", ["a"]) == {"a": Record(metadata=b'{"n":1,"n list":[1]}')}


def test_long_ids_count_among_the_bytes_that_are_kept(
    db: sqlite3.Connection, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "KEPT_BYTES", 10_000)
    ids = [f"{n}".rjust(2_000) for n in range(20)]
    for n, id_ in enumerate(ids):
        write(db, n, id_, n, n=n)
    kept = Records(tables)
    assert set(kept.of("c", ids) or ()) == set(ids)
    assert len(kept._kept) < 6


def test_long_texts_are_left_to_the_engine(
    db: sqlite3.Connection, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_TEXT", 1_000)
    for n in range(3):
        write(db, n, f"{n}", n)
        db.execute(
            "insert into embedding_metadata (id, key, string_value) values (?, 'chroma:document', ?)", (n, "x" * 400)
        )
    rows = Records(tables)
    assert rows.of("c", ["0", "1", "2"]) is None
    assert set(rows.of("c", ["0", "1"]) or ()) == {"0", "1"}
    assert set(rows.of("c", ["0", "1", "2"]) or ()) == {"0", "1", "2"}, "two of them are kept"
