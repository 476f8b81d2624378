"""The engine behind the front: woken, ordered, counted, killed and back with everything it acknowledged."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import chromadb
import chromadb.errors
import httpx
import pytest
from tests.support.instances import Running, free_port, wait_until, working_in

Start = Callable[..., Running]
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
PLAIN = {"MODEL_NAME": "none", "DIMENSION": "8"}


def vector(seed: int) -> list[float]:
    return [random.Random(seed * 8 + n).uniform(-1, 1) for n in range(8)]


def fill(collection: chromadb.Collection, first: int, count: int) -> None:
    numbers = range(first, first + count)
    collection.upsert(
        ids=[f"r{n}" for n in numbers],
        embeddings=[vector(n) for n in numbers],
        documents=[f"text {n}" for n in numbers],
        metadatas=[{"n": n} for n in numbers],
    )


def wrong(collection: chromadb.Collection, numbers: range) -> list[int]:
    """Rows that a query for their own vector does not find first."""
    found = collection.query(query_embeddings=[vector(n) for n in numbers], n_results=1)["ids"]
    return [n for n, ids in zip(numbers, found, strict=True) if ids != [f"r{n}"]]


def usage(running: Running) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {running.key('admin')}"}
    found: dict[str, Any] = httpx.get(f"{running.management_url}/admin/usage", headers=headers).json()
    return found


def test_an_idle_instance_is_its_front_alone_until_data_is_asked_for(start: Start) -> None:
    running = start(**PLAIN)
    with running.http() as http:
        for path in ("/api/v2/heartbeat", "/api/v2/version", "/api/v2/pre-flight-checks", "/api/v2/auth/identity"):
            assert http.get(path).status_code == 200
        assert http.get("/stats").json()["documents"] == 0
        assert http.get("/healthz/").status_code == 200
    assert running.engine_pids() == []
    running.chroma().list_collections()
    assert len(running.engine_pids()) == 1


def test_the_files_are_in_wal_mode_and_the_queue_keeps_every_write(start: Start) -> None:
    running = start(**PLAIN)
    collection = running.chroma().create_collection("kept", configuration={"hnsw": {"sync_threshold": 10}})
    for n in range(0, 60, 5):
        fill(collection, n, 5)

    with sqlite3.connect(f"file:{running.folder}/data/chroma.sqlite3?mode=ro", uri=True) as db:
        assert db.execute("pragma journal_mode").fetchone() == ("wal",)
        assert db.execute("select count(*) from embeddings_queue").fetchone() == (60,)


@pytest.mark.parametrize("victim", ["engine", "front", "both"])
def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_index_writes(start: Start, victim: str) -> None:
    running = start(**PLAIN)
    collection = running.chroma().create_collection("survivor", configuration={"hnsw": {"sync_threshold": 20}})
    for n in range(0, 300, 10):
        fill(collection, n, 10)

    if victim in ("engine", "both"):
        running.kill_engine()
    if victim in ("front", "both"):
        running.end(signal.SIGKILL)
        running.restart()

    collection = running.chroma().get_collection("survivor")
    assert collection.count() == 300
    assert wrong(collection, range(300)) == []
    assert usage(running)["documents"] == 300
    fill(collection, 300, 10)
    assert collection.count() == 310


def test_a_torn_index_left_by_a_kill_is_made_again(start: Start) -> None:
    running = start(**PLAIN)
    collection = running.chroma().create_collection("torn", configuration={"hnsw": {"sync_threshold": 20}})
    fill(collection, 0, 200)
    running.end(signal.SIGKILL)
    wait_until(lambda: not working_in(running.folder / "data"))
    (index,) = (running.folder / "data").glob("*/data_level0.bin")
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])

    running.start()

    collection = running.chroma().get_collection("torn")
    assert collection.count() == 200
    assert wrong(collection, range(200)) == []


def test_a_stop_in_order_keeps_the_index_as_it_is(start: Start) -> None:
    running = start(**PLAIN)
    fill(running.chroma().create_collection("kept"), 0, 50)
    assert running.end() == 0
    running.start()
    collection = running.chroma().get_collection("kept")
    assert wrong(collection, range(50)) == []
    assert "making" not in running.log


def test_an_interrupt_from_the_terminal_is_a_stop_in_order(start: Start) -> None:
    running = start(**PLAIN)
    fill(running.chroma().create_collection("kept"), 0, 50)
    os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to the whole group
    assert running.process is not None
    assert running.process.wait(30) == 0
    assert (running.folder / "data" / "clean").exists()
    assert "ERROR" not in running.log


def test_reads_under_way_when_the_engine_dies_are_answered_by_the_next_one(start: Start) -> None:
    running = start(**PLAIN)
    fill(running.chroma().create_collection("asked"), 0, 100)
    stop = threading.Event()
    answered = []

    def ask(n: int) -> None:
        collection = running.chroma().get_collection("asked")
        while not stop.is_set():
            answered.append(wrong(collection, range(n, n + 1)) == [])

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, n) for n in range(4)]
        wait_until(lambda: len(answered) > 50)
        running.kill_engine()
        before = len(answered)
        wait_until(lambda: len(answered) > before + 50)
        stop.set()
        for done in asking:
            done.result()
    assert all(answered)


def test_concurrent_writers_get_every_row_in_and_counted_once(start: Start) -> None:
    running = start(**PLAIN)
    collection = running.chroma().create_collection("busy")

    def write(worker: int) -> None:
        mine = running.chroma().get_collection("busy")
        for n in range(20):
            mine.upsert(ids=[f"w{worker}-{n}", "shared"], embeddings=[vector(n), vector(worker)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert collection.count() == 161
    assert usage(running)["documents"] == 161


def test_the_last_write_of_a_row_wins(start: Start) -> None:
    running = start(**PLAIN)
    collection = running.chroma().create_collection("ordered")
    with running.http() as http:
        for n in range(30):
            body = {"ids": ["one"], "embeddings": [vector(n)], "documents": [f"edition {n}"]}
            http.post(f"{DATABASE}/collections/{collection.id}/upsert", content=json.dumps(body)).raise_for_status()
    assert collection.get(ids=["one"])["documents"] == ["edition 29"]


def test_a_bad_row_among_writes_that_share_a_commit_fails_alone(start: Start) -> None:
    running = start(**PLAIN)
    collection = running.chroma().create_collection("mixed")
    fill(collection, 0, 1)

    def write(n: int) -> int:
        embedding = vector(n) if n % 5 else [1.0, 2.0]
        body = {"ids": [f"m{n}"], "embeddings": [embedding]}
        with running.http() as http:
            return http.post(f"{DATABASE}/collections/{collection.id}/upsert", content=json.dumps(body)).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(write, range(50)))
    assert statuses == [200 if n % 5 else 400 for n in range(50)]
    assert collection.count() == 41


def test_queries_as_the_client_sends_them_are_answered_together(start: Start) -> None:
    running = start(**PLAIN)
    fill(running.chroma().create_collection("asked"), 0, 200)

    def ask(n: int) -> bool:
        collection = running.chroma().get_collection("asked")
        return all(wrong(collection, range(n * 10 + i, n * 10 + i + 1)) == [] for i in range(10))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(16)))


def test_a_large_write_is_kept_as_a_whole_or_refused_as_a_whole(start: Start) -> None:
    running = start(**PLAIN)
    collection = running.chroma().create_collection("large")
    fill(collection, 0, 1500)
    assert collection.count() == 1500
    body = {"ids": [f"x{n}" for n in range(1000)], "embeddings": [vector(n) for n in range(1000)]}
    body["embeddings"][900] = [1.0]  # type: ignore[call-overload]
    with running.http() as http:
        refused = http.post(f"{DATABASE}/collections/{collection.id}/upsert", content=json.dumps(body))
    assert refused.status_code == 400
    assert collection.count() == 1500


def test_the_quota_is_exact_whatever_is_written_and_deleted(start: Start) -> None:
    running = start(MAX_DOCS="100", **PLAIN)
    collection = running.chroma().create_collection("limited")
    other = running.chroma().create_collection("other")
    fill(collection, 0, 60)
    fill(other, 0, 30)
    with pytest.raises(chromadb.errors.QuotaError, match="90 of 100 are used and this adds 11"):
        fill(collection, 100, 11)
    assert collection.count() == 60
    fill(collection, 0, 60)  # nothing new
    fill(collection, 100, 10)
    collection.update(ids=["r1"], metadatas=[{"n": 1000}])
    collection.delete(ids=["r1", "r2", "unknown"])
    collection.delete(where={"n": {"$lt": 10}})
    assert usage(running)["documents"] == collection.count() + other.count() == 90
    running.chroma().delete_collection("other")
    assert usage(running)["documents"] == 60
    running.end()
    running.start()
    assert usage(running)["documents"] == 60


def test_the_quota_holds_however_a_collection_is_spelt(start: Start) -> None:
    running = start(MAX_DOCS="5", **PLAIN)
    collection = running.chroma().create_collection("full")
    fill(collection, 0, 5)
    plain = str(collection.id)
    body = json.dumps({"ids": ["more"], "embeddings": [vector(0)]})
    for spelling in (
        plain.upper(),
        plain.replace("-", ""),
        f"urn:uuid:{plain}",
        f"%7B{plain}%7D",
        f"%{ord(plain[0]):x}{plain[1:]}",
    ):
        with running.http() as http:
            refused = http.post(f"{DATABASE}/collections/{spelling}/add", content=body)
        assert (refused.status_code, refused.json()["error"]) == (429, "QuotaError"), spelling
    assert collection.count() == 5
    told = usage(running)
    assert (told["documents"], told["limit"], told["collections"]) == (5, 5, 1)


def test_writes_to_unknown_collections_leave_no_trace(start: Start) -> None:
    running = start(MAX_DOCS="0", **PLAIN)
    body = json.dumps({"ids": ["a"], "embeddings": [vector(0)]})
    with running.http() as http:
        for n in range(3):
            answer = http.post(f"{DATABASE}/collections/{n}0000000-0000-0000-0000-000000000000/upsert", content=body)
            assert answer.status_code == 404
    assert usage(running)["collections"] == 0


def test_writers_to_several_collections_cannot_pass_the_quota_together(start: Start) -> None:
    running = start(MAX_DOCS="50", **PLAIN)
    names = [f"part-{n}" for n in range(5)]
    for name in names:
        running.chroma().create_collection(name)

    def write(name: str) -> int:
        collection = running.chroma().get_collection(name)
        kept = 0
        for n in range(20):
            try:
                collection.upsert(ids=[f"{n}"], embeddings=[vector(n)])
                kept += 1
            except chromadb.errors.QuotaError:
                pass
        return kept

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(write, names)) == 50
    assert usage(running)["documents"] == 50


def test_a_raised_quota_is_in_force_without_a_restart(start: Start, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"max_documents": 5}')
    running = start(LIMITS_FILE=str(limits), **PLAIN)
    collection = running.chroma().create_collection("growing")
    fill(collection, 0, 5)
    with pytest.raises(chromadb.errors.QuotaError):
        fill(collection, 5, 1)
    pid = running.pid
    (tmp_path / "new.json").write_text('{"max_documents": 6}')
    (tmp_path / "new.json").replace(limits)
    wait_until(lambda: usage(running)["limit"] == 6)
    fill(collection, 5, 1)
    limits.write_text("{")
    wait_until(lambda: usage(running)["limit"] == 6 and "kept what was read before" in running.log)
    assert running.pid == pid


def test_a_follower_answers_what_the_leader_acknowledged(start: Start) -> None:
    leader = start(MAX_DOCS="20", **PLAIN)
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, **PLAIN)
    collection = follower.chroma().create_collection("mirrored")
    fill(collection, 0, 20)
    assert leader.chroma().get_collection("mirrored").count() == 20
    assert wrong(follower.chroma("read-only").get_collection("mirrored"), range(20)) == []
    with pytest.raises(chromadb.errors.QuotaError):
        fill(collection, 20, 1)
    with follower.http() as http:
        assert http.get("/stats").json()["documents"] == 20
    assert follower.engine_pids() == []
    assert not (follower.folder / "data" / "chroma.sqlite3").exists()


def test_two_instances_never_share_a_folder(start: Start) -> None:
    running = start(**PLAIN)
    second = Running(running.folder, running.environ, port=free_port(), management_port=free_port())
    with pytest.raises(AssertionError, match="another instance is running"):
        second.start()


def test_a_chroma_directory_that_was_not_made_here_is_left_alone(start: Start, tmp_path: Path) -> None:
    chromadb.PersistentClient(str(tmp_path / "theirs")).create_collection("theirs")
    with pytest.raises(AssertionError, match="was not made here"):
        start(DATA_DIR=str(tmp_path / "theirs"), **PLAIN)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_database_that_cannot_be_read_is_named_and_left_alone(start: Start, how: signal.Signals) -> None:
    running = start(**PLAIN)
    running.end(how)
    database = running.folder / "data" / "chroma.sqlite3"
    for beside in running.folder.glob("data/chroma.sqlite3-*"):
        beside.unlink()
    database.write_bytes(b"no database" * 1000)
    with pytest.raises(AssertionError, match=r"DATA_DIR: .*chroma\.sqlite3: file is not a database") as failure:
        running.start()
    assert "Traceback" not in str(failure.value)
    assert database.read_bytes() == b"no database" * 1000


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PORT": "no"}, r"PORT: .*not 'no'"),
        ({"ENGINE_URL": "http://127.0.0.1:99999"}, "ENGINE_URL: 'http://127.0.0.1:99999'"),
        ({"MODEL_NAME": "unknown"}, "MODEL_NAME"),
        ({"MODEL_NAME": "all-MiniLM-L6-v2", "DIMENSION": "3"}, "DIMENSION: 3 does not fit"),
        ({"POD_INDEX": "1"}, "LEADER_URL"),
        ({"DOCUMENT_URLS": "presigned, files.example.com"}, r"DOCUMENT_URLS: .*not 'presigned, files.example.com'"),
        ({"LIMITS_FILE": "/nowhere/limits.json"}, "LIMITS_FILE"),
        ({"KEYS_DIR": "/nowhere"}, "KEYS_DIR"),
        ({"DATA_DIR": "/proc/nowhere"}, "DATA_DIR"),
    ],
)
def test_a_wrong_setting_is_named_and_leaves_no_stack_trace(start: Start, environ: dict[str, str], words: str) -> None:
    with pytest.raises(AssertionError, match=words) as failure:
        start(**{"MODEL_NAME": "none", "DIMENSION": "8", **environ})
    for noise in ("Traceback", "Value error", "not {"):
        assert noise not in str(failure.value)
