"""Restores into a store that waits for an archive: proven by the real engine, and in place wholly or not at all."""

from __future__ import annotations

import base64
import json
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import chromadb
import httpx
import numpy as np
import pytest
from tests.support.archives import altered, drill, opened, readyz, rows, send, snapshot, state
from tests.support.instances import Running, wait_until, working_in

from vectorstore_instance.archive import Sample, pack

Start = Callable[..., Running]
DIMENSION = 32
ENVIRON = {"MODEL_NAME": "none", "DIMENSION": str(DIMENSION)}
SPACES = ("l2", "cosine", "ip")


def fill(client: chromadb.ClientAPI, space: str) -> None:
    """Rows that were written, overwritten, changed and deleted; some of them are not in the index files yet."""
    made = client.create_collection(
        f"in-{space}", configuration={"hnsw": {"space": space, "sync_threshold": 100}}, embedding_function=None
    )
    vectors = np.random.default_rng(1).normal(size=(700, DIMENSION)).astype(np.float32)
    ids = [f"ü{n}" for n in range(700)]
    made.upsert(ids=ids, embeddings=vectors, documents=ids, metadatas=[{"n": n} for n in range(700)])
    made.upsert(ids=ids[:50], embeddings=-vectors[:50])
    made.update(ids=ids[50:60], metadatas=[{"more": True}] * 10)
    made.add(ids=ids[60:70], embeddings=vectors[:10])  # they are there: nothing changes
    made.update(ids=["nobody"], embeddings=vectors[:1])
    made.delete(ids=ids[600:])
    made.add(ids=ids[690:], embeddings=2 * vectors[:10])


@pytest.fixture(scope="module")
def source(_sessions: Start) -> Running:
    """A store to be restored."""
    running = _sessions(**ENVIRON)
    client = running.chroma()
    for space in SPACES:
        fill(client, space)
    client.create_collection("empty", embedding_function=None, metadata={"of": "us"})
    return running


@pytest.fixture(scope="module")
def archive(source: Running) -> bytes:
    return snapshot(source, "here/tenants/1")


@pytest.fixture
def waiting(start: Start) -> Running:
    """A store that waits for an archive."""
    return start(**ENVIRON, RESTORING="true")


def held(running: Running, source: Running) -> None:
    """Both hold the same, in collections of the same ids, and answer the same."""
    theirs, ours = source.chroma(), running.chroma()
    assert {(c.name, c.id) for c in ours.list_collections()} == {(c.name, c.id) for c in theirs.list_collections()}
    for space in SPACES:
        assert rows(running, f"in-{space}") == rows(source, f"in-{space}")
        asked = np.random.default_rng(2).normal(size=(20, DIMENSION)).astype(np.float32)
        answers = [
            c.get_collection(f"in-{space}", embedding_function=None).query(asked, n_results=1) for c in (theirs, ours)
        ]
        assert answers[0]["ids"] == answers[1]["ids"]


def nothing_left(running: Running) -> None:
    """It waits as if nothing had come."""
    assert {path.name for path in (running.folder / "data").iterdir()} <= {"lock"}
    assert readyz(running)[0] == 503
    assert state(running)["phase"] == "waiting"


def test_it_serves_nobody_before_and_everything_after(waiting: Running, source: Running, archive: bytes) -> None:
    assert readyz(waiting) == (503, "the store is restoring: an archive is waited for")
    for probe in ("livez", "startupz", "metrics"):
        assert httpx.get(f"{waiting.management_url}/{probe}").status_code == 200
    for path in ("/stats", "/api/v2/tenants/default_tenant", "/healthz/"):
        with waiting.http() as http:
            refused = http.get(path)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert "restoring" in refused.json()["message"]
    assert httpx.get(f"{waiting.url}/stats").status_code == 401

    done = send(waiting, archive)
    assert done.status_code == 200, done.text
    told = done.json()["restored"]
    assert (told["store"], told["compared"]["documents"]) == ("here/tenants/1", 3 * 610)
    assert readyz(waiting)[0] == 200
    held(waiting, source)
    waiting.chroma().get_collection("in-l2", embedding_function=None).upsert(
        ids=["new"], embeddings=[[1.0] * DIMENSION]
    )  # type: ignore[arg-type]

    assert send(waiting, archive).json()["restored"] == told  # its answer may have got lost
    other = send(waiting, snapshot(source))
    assert (other.status_code, other.headers["x-vectorstore-reason"]) == (409, "HoldsData")
    waiting.end()
    waiting.start()  # RESTORING is set still
    assert (readyz(waiting)[0], state(waiting)["phase"]) == (200, "done")
    assert waiting.chroma().get_collection("in-l2", embedding_function=None).count() == 611


def test_a_bad_archive_is_refused_and_the_next_is_taken(waiting: Running, source: Running, archive: bytes) -> None:
    chance = random.Random(3)
    for at in [chance.randrange(len(archive)) for _ in range(12)]:
        changed = bytearray(archive)
        changed[at] ^= 1 << chance.randrange(8)
        refused = send(waiting, bytes(changed))
        assert refused.status_code == 400, at
        assert refused.json()["message"].startswith("archive: ")
        nothing_left(waiting)
    for end in (0, 10, len(archive) // 2, len(archive) - 1):
        assert "ends in its middle" in send(waiting, archive[:end]).json()["message"]
        nothing_left(waiting)
    assert "follows" in send(waiting, archive + b"\0").json()["message"]
    assert state(waiting)["error"].startswith("archive: ")
    assert send(waiting, archive).status_code == 200
    held(waiting, source)


def test_an_archive_of_another_model_is_refused(start: Start, archive: bytes) -> None:
    for environ, says in (
        ({"MODEL_NAME": "none", "DIMENSION": "4"}, "its dimension is 32 and this store's 4"),
        ({}, "its model is none and this store's all-MiniLM-L6-v2"),
    ):
        running = start(**environ, RESTORING="true")
        refused = send(running, archive)
        assert (refused.status_code, says in refused.json()["message"]) == (400, True)
        assert refused.headers["x-vectorstore-reason"] == "WrongModel"
        nothing_left(running)


def damage(folder: Path, what: str) -> None:
    """Damage that the checksums of an archive's files do not show, as they were made after it."""
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as db:
        if what == "a row is missing":
            db.execute("delete from embeddings_queue where id = 'ü100'")
        elif what == "a row has another vector":
            vector = np.ones(DIMENSION, np.float32).tobytes()
            db.execute("update embeddings_queue set vector = ? where id = 'ü100'", (vector,))
        elif what == "a collection has another name":
            db.execute("update collections set name = 'other' where name = 'empty'")
        elif what == "tables of another version":
            db.execute("update migrations set version = 100 where dir = 'sysdb' and version = 10")
        db.commit()
    if what == "an index holds other vectors":
        for index in folder.glob("*/data_level0.bin"):
            content = bytearray(index.read_bytes())
            middle = len(content) // 2
            content[middle : middle + 4096] = bytes(4096)
            index.write_bytes(content)
    if what == "no database":
        (folder / "chroma.sqlite3").write_bytes(b"x" * 4096)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("a row is missing", "the 610 that were archived"),
        ("a row has another vector", "that were archived"),
        ("a collection has another name", "collection other"),
        ("tables of another version", "cannot work on"),
        ("no database", "not a database"),
    ],
)
def test_what_does_not_come_out_as_it_went_in_is_told(archive: bytes, tmp_path: Path, what: str, says: str) -> None:
    folder = tmp_path / "unpacked"
    code, verdict = drill(altered(archive, folder, lambda: damage(folder, what)))
    told = verdict.get("error") or "; ".join(verdict["compared"]["differences"])
    assert (code, verdict["ok"], says in told) == (1, False, True), told


def test_a_manifest_that_asks_nonsense_is_told_so(archive: bytes, tmp_path: Path) -> None:
    manifest = opened(archive, tmp_path / "unpacked").manifest
    for vector in ("no base64", "AAAA", base64.b64encode(bytes(4)).decode()):
        sample = Sample(vector=vector, ids=("a",), distances=(0.0,))
        collections = tuple(one.model_copy(update={"samples": (sample,)}) for one in manifest.collections[:1])
        changed = manifest.model_copy(update={"collections": (*collections, *manifest.collections[1:])})
        code, verdict = drill(b"".join(pack(changed, tmp_path / "unpacked")))
        assert (code, "does not answer as it must" in str(verdict["compared"]["differences"])) == (1, True)


def test_index_files_that_are_missing_are_made_again_from_the_queue(archive: bytes, tmp_path: Path) -> None:
    """The naive restore: tables without indices answer with one row and no error."""
    folder = tmp_path / "unpacked"

    def remove() -> None:
        for index in folder.glob("*-*/*"):
            index.unlink()

    code, verdict = drill(altered(archive, folder, remove))
    assert (code, verdict["compared"]["recall"] > 0.9) == (0, True)


def test_index_files_that_were_bad_already_are_made_again_from_the_queue(
    waiting: Running, source: Running, archive: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "unpacked"
    done = send(waiting, altered(archive, folder, lambda: damage(folder, "an index holds other vectors")))
    assert done.status_code == 200, done.text
    assert "the engine does not answer as it must" in " ".join(done.json()["restored"]["compared"]["mended"])
    held(waiting, source)


def test_a_store_does_not_open_with_what_does_not_hold(waiting: Running, archive: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    refused = send(waiting, altered(archive, folder, lambda: damage(folder, "a row has another vector")))
    assert (refused.status_code, "that were archived" in refused.json()["message"]) == (422, True)
    assert refused.headers["x-vectorstore-reason"] == "Differs"
    nothing_left(waiting)
    assert waiting.engine_pids() == []


def halting(archive: bytes, reached: threading.Event, go_on: threading.Event) -> Iterator[bytes]:
    yield archive[: len(archive) // 2]
    reached.set()
    go_on.wait(30)
    yield archive[len(archive) // 2 :]


def restart(running: Running) -> None:
    data = running.folder / "data"
    wait_until(lambda: not working_in(data) and not working_in(data / "restore" / "data"))
    running.start()


def test_a_kill_while_it_is_received_leaves_nothing(waiting: Running, source: Running, archive: bytes) -> None:
    reached, go_on = threading.Event(), threading.Event()
    failed: list[Exception] = []

    def sending() -> None:
        try:
            send(waiting, halting(archive, reached, go_on))
        except httpx.HTTPError as problem:
            failed.append(problem)

    sender = threading.Thread(target=sending)
    sender.start()
    reached.wait(30)
    wait_until(lambda: state(waiting)["receivedBytes"] > 0)
    assert readyz(waiting)[1] == "the store is restoring: its archive is being received"
    second = send(waiting, archive)
    assert (second.status_code, second.headers["retry-after"]) == (409, "10")
    waiting.end(signal.SIGKILL)
    go_on.set()
    sender.join()
    assert failed
    restart(waiting)
    nothing_left(waiting)
    assert send(waiting, archive).status_code == 200
    held(waiting, source)


def test_one_who_goes_in_the_middle_of_sending_leaves_nothing(waiting: Running, archive: bytes) -> None:
    def broken() -> Iterator[bytes]:
        yield archive[: len(archive) // 2]
        raise InterruptedError

    with pytest.raises(InterruptedError):
        send(waiting, broken())
    wait_until(lambda: state(waiting)["error"] is not None)
    assert "the connection ended" in state(waiting)["error"]
    nothing_left(waiting)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_end_while_it_is_proven_leaves_nothing(
    waiting: Running, source: Running, archive: bytes, how: signal.Signals
) -> None:
    answers: list[Any] = []

    def sending() -> None:
        try:
            answers.append(send(waiting, archive))
        except httpx.HTTPError as problem:
            answers.append(problem)

    sender = threading.Thread(target=sending)
    sender.start()
    wait_until(lambda: state(waiting)["phase"] == "proving")
    waiting.end(how)
    sender.join()
    assert isinstance(answers[0], httpx.HTTPError) or answers[0].status_code == 503
    restart(waiting)
    nothing_left(waiting)
    assert send(waiting, archive).status_code == 200
    held(waiting, source)


def test_a_start_goes_on_with_what_was_proven(start: Start, source: Running, archive: bytes) -> None:
    """A kill in the middle of the renaming: what is left to be moved is moved, and the store serves."""
    running = start(**ENVIRON, RESTORING="true")
    assert send(running, archive).status_code == 200
    running.end()
    data = running.folder / "data"
    (data / "restore" / "data").mkdir(parents=True)
    (data / "restored.json").rename(data / "restore" / "proven.json")
    (data / "restore" / "cleared").touch()
    for name in ("chroma.sqlite3", "clean", "format.json"):
        (data / name).rename(data / "restore" / "data" / name)
    running.start()
    held(running, source)
    assert not (data / "restore").exists()
    assert json.loads((data / "restored.json").read_bytes())["store"] == "here/tenants/1"


def test_a_store_that_holds_data_gives_them_up_for_an_archive_that_holds(
    start: Start, source: Running, archive: bytes, tmp_path: Path
) -> None:
    running = start(**ENVIRON)
    fill(running.chroma(), "l2")
    before = rows(running, "in-l2")
    assert send(running, archive).status_code == 409
    assert send(running, archive[:-1], replace="true").status_code == 400
    bad = altered(archive, tmp_path / "unpacked", lambda: damage(tmp_path / "unpacked", "a row is missing"))
    assert send(running, bad, replace="true").status_code == 422
    assert rows(running, "in-l2") == before  # it serves on what it had
    assert send(running, archive, replace="maybe").status_code == 400

    taken = send(running, archive, replace="true")
    assert (taken.status_code, taken.json()["phase"]) == (200, "starting")
    assert running.process is not None
    assert running.process.wait(30) == 0
    running.restart()
    held(running, source)
    assert state(running)["phase"] == "done"
    assert not (running.folder / "data" / "restore").exists()


def test_one_run_replaces_once_and_what_was_written_since_stays(start: Start, source: Running, archive: bytes) -> None:
    running = start(**ENVIRON)
    for run in ("first", "first", "second"):
        held_already = (state(running).get("restored") or {}).get("run") == run
        taken = send(running, archive, replace="true", run=run)
        assert (taken.status_code, taken.json()["phase"]) == (200, "done" if held_already else "starting")
        if held_already:
            assert running.process is not None
            assert running.process.poll() is None
            assert "since" in rows(running, "in-l2")
            continue
        assert running.process is not None
        assert running.process.wait(30) == 0
        running.restart()
        assert state(running)["restored"]["run"] == run
        held(running, source)
        made = running.chroma().get_collection("in-l2", embedding_function=None)
        made.upsert(ids=["since"], embeddings=[[1.0] * DIMENSION])  # type: ignore[arg-type]
    for run in ("a b", "x" * 65):
        assert "run" in send(running, archive, replace="true", run=run).json()["message"]


def test_followers_wait_for_a_leader_that_waits_for_its_archive(
    waiting: Running, start: Start, source: Running, archive: bytes
) -> None:
    keys = {name: waiting.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=waiting.url, **ENVIRON, RESTORING="true")
    answer = httpx.get(f"{follower.management_url}/readyz")
    assert (answer.status_code, "LEADER_URL" in answer.json()["message"]) == (503, True)
    for probe in ("livez", "startupz"):
        assert httpx.get(f"{follower.management_url}/{probe}").status_code == 200
    with follower.http() as http:
        refused = http.get("/api/v2/tenants/default_tenant")
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
    assert send(follower, archive).status_code == 501  # it is for the leader
    assert send(waiting, archive).status_code == 200
    wait_until(lambda: readyz(follower)[0] == 200)
    held(follower, source)


def test_without_room_nothing_is_written(start: Start, volume: Path, archive: bytes) -> None:
    running = start(**ENVIRON, RESTORING="true", DATA_DIR=str(volume / "data"))
    (volume / "ballast").write_bytes(bytes((64 << 20) - (9 << 20)))
    refused = send(running, archive)
    assert (refused.status_code, "can be spared" in refused.json()["message"]) == (507, True)
    assert {path.name for path in (volume / "data").iterdir()} == {"lock"}
    (volume / "ballast").unlink()
    assert send(running, archive).status_code == 200


def test_a_disk_that_becomes_full_on_the_way_leaves_nothing(start: Start, volume: Path, archive: bytes) -> None:
    running = start(**ENVIRON, RESTORING="true", DATA_DIR=str(volume / "data"))
    reached, go_on = threading.Event(), threading.Event()
    answers: list[httpx.Response] = []
    sender = threading.Thread(target=lambda: answers.append(send(running, halting(archive, reached, go_on))))
    sender.start()
    reached.wait(30)
    wait_until(lambda: (volume / "data" / "restore" / "data").exists())
    with (volume / "ballast").open("ab", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    ballast.write(b"\0" * size)
            except OSError:
                continue
    go_on.set()
    sender.join()
    assert (answers[0].status_code, "the disk became full" in answers[0].json()["message"]) == (507, True)
    assert {path.name for path in (volume / "data").iterdir()} == {"lock"}
    (volume / "ballast").unlink()
    assert send(running, archive).status_code == 200


def test_a_drill_says_by_its_exit_code_what_came_of_it(archive: bytes, tmp_path: Path) -> None:
    code, verdict = drill(archive, "--scratch", str(tmp_path))
    assert (code, verdict["ok"], verdict["compared"]["questions"]) == (0, True, 15)
    assert list(tmp_path.iterdir()) == []
    assert drill(archive[:-1])[0] == 1
    code, verdict = drill(archive, "--scratch", str(tmp_path / "nowhere"))
    assert (code, "--scratch" in verdict["said"]) == (2, True)


def test_documents_and_the_work_on_them_come_along(start: Start) -> None:
    """One file is done, and many wait: the restored store knows the first and works on the others."""
    source = start()
    many = {f"f{n}.txt": f"Line {n} is about rain. " * 200 for n in range(8)}
    with source.http() as http:
        assert create(http, "bees", {"bees.txt": "Bees make honey from nectar."}).status_code == 202
        wait_until(lambda: phases(http, "bees") == {"bees.txt": "done"}, 90)
        assert create(http, "rain", many).status_code == 202
        archive = snapshot(source)
        assert set(phases(http, "rain").values()) != {"done"}
    source.end(signal.SIGKILL)
    restored = start(RESTORING="true")
    assert send(restored, archive).status_code == 200
    with restored.http() as http:
        assert phases(http, "bees") == {"bees.txt": "done"}
        wait_until(lambda: phases(http, "rain") == dict.fromkeys(many, "done"), 90)
        found = http.post("/api/v1/database/bees/query", json={"query": "what do bees make?"}).json()["results"]
    assert found[0]["source"] == "bees.txt"


def create(http: httpx.Client, name: str, files: dict[str, str]) -> httpx.Response:
    parts = [("files", (source, content.encode())) for source, content in files.items()]
    return http.post("/api/v1/database/create", data={"name": name}, files=parts)


def phases(http: httpx.Client, name: str) -> dict[str, str]:
    found = http.get(f"/api/v1/database/{name}/status").raise_for_status().json()
    return {file["source"]: file["phase"] for file in found["files"]}
