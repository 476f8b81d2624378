"""Maintenance beside the running engine: what it gives back, that nobody misses anything, and kills in its middle."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import chromadb
import httpx
import pytest
from tests.support.instances import Running, wait_until, working_in

Start = Callable[..., Running]
Rows = dict[str, list[float]]
OVERWRITTEN, DELETED, LEFT = 5, 1200, 300
"""How often each row is written, how many are deleted again, how many stay."""


class Admin:
    """The admin surface of an instance."""

    def __init__(self, running: Running) -> None:
        headers = {"authorization": f"Bearer {running.key('admin')}"}
        self.http = httpx.Client(base_url=running.management_url, headers=headers, timeout=60)

    def begin(self, operation: str, collection: str | None = None) -> str:
        order = {"operation": operation} | ({"collection": collection} if collection else {})
        answer = self.http.post("/admin/maintenance", json=order)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def look(self, id_: str) -> dict[str, Any]:
        return dict(self.http.get(f"/admin/maintenance/{id_}").raise_for_status().json())

    def do(self, operation: str, collection: str | None = None) -> dict[str, Any]:
        return self.end(self.begin(operation, collection))

    def end(self, id_: str) -> dict[str, Any]:
        wait_until(lambda: self.look(id_)["ended"] is not None, 60)
        done = self.look(id_)
        assert (done["phase"], done["error"]) == ("done", None)
        return done

    def reclaimable(self) -> dict[str, Any]:
        return dict(self.http.get("/admin/maintenance").raise_for_status().json()["reclaimable"])


def vector(n: int, version: int) -> list[float]:
    return [float(n), float(version), 0.5, 1.0]


def fill(running: Running) -> Rows:
    """Writes rows again and again and deletes most of them; returns those that are left."""
    made = running.chroma().create_collection("worn", metadata={"of": "us"}, embedding_function=None)
    ids = [str(n) for n in range(DELETED + LEFT)]
    for version in range(OVERWRITTEN):
        some = [i for i in ids if version == 0 or int(i) % 3 == 0]
        vectors = [vector(int(i), version) for i in some]
        made.upsert(ids=some, embeddings=vectors, documents=[str(v) for v in vectors], metadatas=[{"n": 1}] * len(some))  # type: ignore[arg-type]
    made.delete(ids=ids[:DELETED])
    return {i: vector(int(i), OVERWRITTEN - 1 if int(i) % 3 == 0 else 0) for i in ids[DELETED:]}


def verify(running: Running, expected: Rows) -> None:
    """Every row is there with its document, is found by its vector, and no other row is."""
    collection = running.chroma().get_collection("worn", embedding_function=None)
    rows = collection.get(include=["documents", "embeddings"])
    assert dict(zip(rows["ids"], rows["documents"] or [], strict=True)) == {i: str(v) for i, v in expected.items()}
    found = collection.query(query_embeddings=list(expected.values()), n_results=1, include=["distances"])  # type: ignore[arg-type]
    wrong = [i for i, ids in zip(expected, found["ids"], strict=True) if ids != [i]]
    assert len(wrong) <= 1 + len(expected) // 50, wrong
    assert collection.count() == len(expected)


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory, _sessions: Start) -> tuple[Path, Rows]:
    """Data with much to give back, ended in order, and what it holds."""
    data = tmp_path_factory.mktemp("worn") / "data"
    running = _sessions(MODEL_NAME="none", DIMENSION="4", DATA_DIR=str(data))
    expected = fill(running)
    running.end()
    return data, expected


@pytest.fixture
def store(worn: tuple[Path, Rows], start: Start, tmp_path: Path) -> tuple[Running, Path, Rows]:
    """An instance on a copy of that data."""
    data = Path(shutil.copytree(worn[0], tmp_path / "data"))
    return start(MODEL_NAME="none", DIMENSION="4", DATA_DIR=str(data)), data, dict(worn[1])


def leave_orphans(data: Path) -> None:
    """What drops of other makes may have left: a folder, and seven rows."""
    orphan = data / "11111111-2222-3333-4444-555555555555"
    orphan.mkdir()
    (orphan / "data_level0.bin").write_bytes(b"x" * 10_000)
    with closing(sqlite3.connect(data / "chroma.sqlite3", timeout=30)) as db:
        db.executescript("""
            insert into segments values ('s', 't', 'METADATA', 'gone');
            insert into embeddings (id, segment_id, embedding_id, seq_id) values (99999, 's', 'a', 1);
            insert into embedding_metadata (id, key, string_value) values (99999, 'k', 'v'), (99998, 'k', 'v');
            insert into embedding_metadata_array (id, key, string_value) values (99998, 'k', 'v');
            insert into embedding_fulltext_search (rowid, string_value) values (99999, 'gone'), (99998, 'gone');
        """)


def test_each_operation_gives_back_what_it_says_and_keeps_every_row(store: tuple[Running, Path, Rows]) -> None:
    running, data, expected = store
    admin = Admin(running)
    before = admin.reclaimable()
    assert before["supersededOperations"]["count"] > 2000
    with running.http() as http:
        assert http.get("/stats").json()["reclaimableBytes"] == before["bytes"]
    assert admin.http.get("/admin/usage").json()["reclaimableBytes"] == before["bytes"] > 100_000
    (slots,) = before["deletedSlots"]
    assert (slots["count"], slots["of"]) == (DELETED, DELETED + LEFT)

    compacted = admin.do("compact")
    assert compacted["done"] == compacted["total"] == before["supersededOperations"]["count"]
    assert compacted["bytesFreed"] > 0
    verify(running, expected)

    of = running.chroma().get_collection("worn", embedding_function=None).id
    id_ = admin.begin("rebuild", "worn")
    refused = admin.http.post("/admin/maintenance", json={"operation": "compact"})
    assert (refused.status_code, id_ in refused.json()["message"]) == (409, True)
    rebuilt = admin.end(id_)
    assert rebuilt["collection"] == str(of)
    assert rebuilt["bytesFreed"] >= slots["bytes"] // 2
    verify(running, expected)
    again = running.chroma().get_collection("worn", embedding_function=None)
    assert (again.id, again.metadata) == (of, {"of": "us"})

    size = (data / "chroma.sqlite3").stat().st_size
    freed = admin.do("vacuum")["bytesFreed"]
    assert freed == size - (data / "chroma.sqlite3").stat().st_size > 0
    verify(running, expected)

    leave_orphans(data)
    collected = admin.do("collect")
    assert (collected["done"], collected["bytesFreed"] >= 10_000) == (7, True)
    verify(running, expected)

    after = admin.reclaimable()
    assert after["supersededOperations"]["count"] == 0
    assert after["deletedSlots"] == []
    assert after["bytes"] < before["bytes"] // 4
    assert not (data / "scratch").exists()

    running.kill_engine()  # and what is left is enough to recover from
    verify(running, expected)


def test_writes_and_reads_go_on_through_every_operation(store: tuple[Running, Path, Rows]) -> None:
    running, _, expected = store
    admin, halt, failures = Admin(running), threading.Event(), []

    def write() -> None:
        collection = running.chroma().get_collection("worn", embedding_function=None)
        n = 10_000
        while not halt.is_set():
            try:
                collection.upsert(ids=[str(n)], embeddings=[vector(n, 0)], documents=[str(vector(n, 0))])  # type: ignore[arg-type]
                expected[str(n)] = vector(n, 0)
                n += 1
                if n % 5 == 0:
                    collection.delete(ids=[str(n - 2)])
                    del expected[str(n - 2)]
            except Exception as problem:
                failures.append(problem)

    def read() -> None:
        collection = running.chroma().get_collection("worn", embedding_function=None)
        known = str(DELETED + 1)
        while not halt.is_set():
            try:
                assert collection.query(query_embeddings=[expected[known]], n_results=1)["ids"] == [[known]]  # type: ignore[arg-type]
            except Exception as problem:
                failures.append(problem)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        for operation, collection in (("rebuild", "worn"), ("compact", None), ("vacuum", None), ("collect", None)):
            admin.do(operation, collection)
    finally:
        halt.set()
        for thread in threads:
            thread.join()
    assert failures == []
    verify(running, expected)
    running.end()
    running.start()
    verify(running, expected)


MIDDLES = (
    ("collect", "removing"),
    ("compact", "deleting"),
    ("rebuild", "taking"),
    ("rebuild", "finishing"),
    ("rebuild", "putting"),
    ("vacuum", "writing"),
)


def test_a_kill_in_the_middle_of_any_loses_nothing(store: tuple[Running, Path, Rows]) -> None:
    running, data, expected = store
    for operation, phase in MIDDLES:
        admin = Admin(running)
        id_ = admin.begin(operation, "worn" if operation == "rebuild" else None)
        wait_until(lambda: there(admin.look(id_), phase), 60)  # noqa: B023
        running.end(signal.SIGKILL)
        wait_until(lambda: not working_in(data) and not working_in(data / "scratch"))
        running.start()
        assert not (data / "scratch").exists()
        verify(running, expected)
    admin = Admin(running)
    for operation in ("collect", "compact", "rebuild", "vacuum"):
        admin.do(operation, "worn" if operation == "rebuild" else None)
    assert admin.reclaimable()["deletedSlots"] == []
    verify(running, expected)


def there(seen: dict[str, Any], phase: str) -> bool:
    return seen["ended"] is not None or str(seen["phase"]).startswith(phase)


@pytest.mark.parametrize(
    ("order", "status", "says"),
    [
        ("{", 422, "operation"),
        ('{"operation": "tidy"}', 422, "'tidy'"),
        ('{"operation": "compact", "how": 1}', 422, "how"),
        ('{"operation": "rebuild"}', 400, "collection: missing"),
        ('{"operation": "rebuild", "collection": "nowhere"}', 400, "'nowhere'"),
        ('{"operation": "vacuum", "collection": "x"}', 400, "leave collection out"),
        ("{" + " " * 100_000, 413, "bytes"),
    ],
)
def test_an_order_that_cannot_be_is_refused(vectors_only: Running, order: str, status: int, says: str) -> None:
    answer = Admin(vectors_only).http.post("/admin/maintenance", content=order)
    assert answer.status_code == status
    assert says in answer.json()["message"]


def test_only_the_admin_key_opens_it(vectors_only: Running) -> None:
    for path in ("/admin/maintenance", "/admin/maintenance/x"):
        for headers in ({}, {"authorization": f"Bearer {vectors_only.key()}"}):
            assert httpx.get(vectors_only.management_url + path, headers=headers).status_code == 401
    assert Admin(vectors_only).http.get("/admin/maintenance/x").status_code == 404


def test_an_empty_collection_has_nothing_to_rebuild(vectors_only: Running) -> None:
    made: chromadb.Collection = vectors_only.chroma().create_collection("empty", embedding_function=None)
    answer = Admin(vectors_only).http.post(
        "/admin/maintenance", json={"operation": "rebuild", "collection": str(made.id)}
    )
    assert (answer.status_code, "nothing to rebuild" in answer.json()["message"]) == (400, True)
