"""How often index files are written: often while small writes come to a small collection, else as Chroma does it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import chromadb
import pytest
from tests.support.instances import Running

from vectorstore_instance.engine.rhythm import CHROMAS, GROWN, OURS

LEGACY = {"hnsw:space": "cosine"}
CHOSEN = 300


def test_a_collection_begun_with_small_writes_has_its_files_written_often(vectors_only: Running) -> None:
    collection = made(vectors_only, "often", metadata=LEGACY)
    assert threshold(vectors_only, "often") == CHROMAS
    upsert(collection, range(OURS), 1)
    assert threshold(vectors_only, "often") == OURS
    assert position(vectors_only, collection) is not None
    now = vectors_only.chroma().get_collection("often", embedding_function=None)
    assert now.metadata == LEGACY
    assert now.configuration["hnsw"]["space"] == "cosine"
    assert found(collection, OURS - 1) == str(OURS - 1)


@pytest.mark.parametrize("size", [65, 500])
def test_one_begun_with_a_large_write_is_as_chroma_makes_it(vectors_only: Running, size: int) -> None:
    name = f"bulk-{size}"
    collection = made(vectors_only, name)
    upsert(collection, range(size), size)
    upsert(collection, range(size, size + 3), 1)
    assert threshold(vectors_only, name) == CHROMAS
    assert position(vectors_only, collection) is None


@pytest.mark.parametrize(
    "how", [{"configuration": {"hnsw": {"sync_threshold": CHOSEN}}}, {"metadata": {"hnsw:sync_threshold": CHOSEN}}]
)
def test_what_was_chosen_stays(vectors_only: Running, how: dict[str, Any]) -> None:
    name = f"chosen-{'metadata' in how}"
    collection = made(vectors_only, name, **how)
    upsert(collection, range(2), 1)
    assert threshold(vectors_only, name) == CHOSEN


def test_what_is_chosen_later_stays_though_the_collection_grows(vectors_only: Running) -> None:
    collection = made(vectors_only, "later")
    upsert(collection, range(1), 1)
    collection.modify(configuration={"hnsw": {"sync_threshold": CHOSEN}})
    upsert(collection, range(GROWN + 1), 500)
    assert threshold(vectors_only, "later") == CHOSEN


def test_one_that_has_grown_has_chromas_own_again_once(start: Callable[..., Running]) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    collection = made(running, "grows")
    upsert(collection, range(1), 1)
    running.end()
    running.restart()
    collection = running.chroma().get_collection("grows", embedding_function=None)
    upsert(collection, range(GROWN), 1000)
    assert threshold(running, "grows") == OURS
    upsert(collection, range(GROWN, GROWN + 1), 1)
    assert threshold(running, "grows") == CHROMAS
    collection.delete(ids=[str(n) for n in range(GROWN - 100)])
    upsert(collection, range(GROWN, GROWN + 2), 1)
    assert threshold(running, "grows") == CHROMAS
    assert found(collection, GROWN) == str(GROWN)


def made(running: Running, name: str, **how: Any) -> chromadb.Collection:
    return running.chroma().create_collection(name, embedding_function=None, **how)


def upsert(collection: chromadb.Collection, numbers: range, size: int) -> None:
    for at in range(0, len(numbers), size):
        some = numbers[at : at + size]
        collection.upsert(ids=[str(n) for n in some], embeddings=[vector(n) for n in some])


def vector(number: int) -> list[float]:
    return [1.0, number % 100, number // 100]


def found(collection: chromadb.Collection, number: int) -> str:
    return collection.query(query_embeddings=[vector(number)], n_results=1)["ids"][0][0]


def threshold(running: Running, name: str) -> int:
    """As a client reads it."""
    configuration = running.chroma().get_collection(name, embedding_function=None).configuration
    return int(configuration["hnsw"]["sync_threshold"])


def position(running: Running, collection: chromadb.Collection) -> int | None:
    """The last operation that the index files hold."""
    with sqlite3.connect(f"file:{running.folder}/data/chroma.sqlite3?mode=ro", uri=True) as db:
        row = db.execute(
            "select m.seq_id from segments s join max_seq_id m on m.segment_id = s.id "
            "where s.collection = ? and s.scope = 'VECTOR'",
            (str(collection.id),),
        ).fetchone()
    return None if row is None else int(row[0])
