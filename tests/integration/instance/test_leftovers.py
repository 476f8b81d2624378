"""What a dropped collection leaves behind: with Chroma 1.5.9 its folder and its list metadata, with us nothing.

The first test is about Chroma alone, and tells when a later version has mended it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import chromadb
import pytest
from tests.support.chroma import chroma_run
from tests.support.instances import Running

Start = Callable[..., Running]
LISTS = [{"tags": ["x", "y"]}, {"tags": [1, 2]}]
INDEXED = {"hnsw": {"sync_threshold": 2}}
"""Has the index written at once."""


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[chromadb.ClientAPI]:
    """Chroma's own server on `tmp_path/data`."""
    with chroma_run(tmp_path) as url:
        yield chromadb.HttpClient("127.0.0.1", int(url.rpartition(":")[2]))


def folders(data: Path) -> set[str]:
    return {path.name for path in data.iterdir() if path.is_dir() and len(path.name) == 36}


def fill(client: chromadb.ClientAPI, name: str, metadatas: list[dict[str, object]]) -> chromadb.Collection:
    made = client.create_collection(name, configuration=INDEXED, embedding_function=None)  # type: ignore[arg-type]
    ids = [str(n) for n in range(len(metadatas))]
    made.add(ids=ids, embeddings=[[1.0, n, 0] for n in range(len(ids))], metadatas=metadatas)  # type: ignore[arg-type]
    return made


def lists_left(data: Path) -> int:
    with closing(sqlite3.connect(f"file:{data / 'chroma.sqlite3'}?mode=ro", uri=True)) as db:
        return int(db.execute("select count(*) from embedding_metadata_array").fetchone()[0])


def test_chroma_leaves_the_folder_and_lends_the_lists_to_the_next_rows(
    plain: chromadb.ClientAPI, tmp_path: Path
) -> None:
    fill(plain, "old", LISTS)
    plain.delete_collection("old")
    assert len(folders(tmp_path / "data")) == 1

    new = fill(plain, "new", [{"n": 1}, {"n": 2}])
    assert new.get()["metadatas"] == [{"n": 1, "tags": ["x", "y"]}, {"n": 2, "tags": [1, 2]}]


def test_a_dropped_collection_leaves_nothing(start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    client = running.chroma()
    fill(client, "old", LISTS)
    data = running.folder / "data"
    assert len(folders(data)) == 1
    client.delete_collection("old")
    assert (folders(data), lists_left(data)) == (set(), 0)

    new = fill(client, "new", [{"n": 1}, {"n": 2}])
    assert new.get()["metadatas"] == [{"n": 1}, {"n": 2}]
    assert new.get(where={"tags": {"$contains": "x"}})["ids"] == []  # type: ignore[dict-item]


def test_a_dropped_database_leaves_nothing(start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    with running.http() as http:
        databases = "/api/v2/tenants/default_tenant/databases"
        http.post(databases, json={"name": "other"}).raise_for_status()
        client = chromadb.HttpClient(
            "127.0.0.1", running.port, headers={"x-chroma-token": running.key()}, database="other"
        )
        fill(client, "old", LISTS)
        http.delete(f"{databases}/other").raise_for_status()
    data = running.folder / "data"
    assert (folders(data), lists_left(data)) == (set(), 0)
    assert fill(running.chroma(), "new", [{"n": 1}, {"n": 2}]).get()["metadatas"] == [{"n": 1}, {"n": 2}]


def test_what_earlier_drops_left_is_gone_after_a_start(start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    fill(running.chroma(), "kept", LISTS)
    running.end()
    data = running.folder / "data"
    (kept,) = folders(data)
    orphan = data / "11111111-2222-3333-4444-555555555555"
    orphan.mkdir()
    (orphan / "header.bin").write_bytes(b"left")
    with closing(sqlite3.connect(data / "chroma.sqlite3")) as db:
        db.execute("drop trigger vectorstore_lists_go")
        db.execute("insert into embedding_metadata_array (id, key, string_value) values (3, 'tags', 'left')")
        db.commit()

    running.start()
    assert folders(data) == {kept}
    collection = running.chroma().get_collection("kept", embedding_function=None)
    collection.add(ids=["new"], embeddings=[[1.0, 2, 3]], metadatas=[{"n": 1}])
    assert collection.get(ids=["new"])["metadatas"] == [{"n": 1}]
    assert collection.get(ids=["0"])["metadatas"] == LISTS[:1]
