"""Snapshots of a running store: what was acknowledged before is in them, nothing later is, and nobody is refused."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import chromadb
import httpx
import numpy as np
import pytest
from tests.support.archives import admin, begun, drill, opened, rows, send, snapshot, state
from tests.support.instances import Running, wait_until
from tests.support.writers import Writer

from vectorstore_instance.archive import ArchiveError

Start = Callable[..., Running]
ROWS, DIMENSION = 150, 32


def collection_of(running: Running, name: str = "rows") -> chromadb.Collection:
    return running.chroma().get_collection(name, embedding_function=None)


def begin(start: Start, *names: str, **environ: str) -> Running:
    """An instance with empty collections whose index files are written again and again."""
    running = start(MODEL_NAME="none", DIMENSION=str(DIMENSION), **environ)
    for name in names or ("rows",):
        running.chroma().create_collection(
            name, configuration={"hnsw": {"sync_threshold": 20, "space": "l2"}}, embedding_function=None
        )
    return running


def fill(running: Running, count: int = 1000) -> None:
    collection_of(running).upsert(
        ids=[f"r{n}" for n in range(count)],
        embeddings=np.random.default_rng(1).normal(size=(count, DIMENSION)).astype(np.float32),
        documents=["x" * 200] * count,
    )


def fill_wide(running: Running) -> None:
    """Rows of which an archive is larger than what the kernel takes ahead of a reader: 6 MB, held twice."""
    wide = running.chroma().create_collection("wide", embedding_function=None)
    for at in range(0, 1500, 300):
        vectors = np.random.default_rng(at).normal(size=(300, 1024)).astype(np.float32)
        wide.upsert(ids=[f"r{at + n}" for n in range(300)], embeddings=vectors)


def queued(data: Path, collection: str, upto: int) -> dict[str, tuple[Any, Any, bytes]]:
    """What the operations up to one make, out of the live store's queue: what a snapshot of it must hold."""
    made: dict[str, tuple[Any, Any, bytes]] = {}
    with closing(sqlite3.connect(f"file:{data / 'chroma.sqlite3'}?mode=ro", uri=True)) as db:
        operations = db.execute(
            "select operation, id, vector, metadata from embeddings_queue where topic like ? and seq_id <= ? "
            "order by seq_id",
            (f"%{collection}", upto),
        )
        for kind, id_, vector, told in operations:
            values = json.loads(told or "{}")
            text = values.pop("chroma:document", None)
            if kind == 3:
                made.pop(id_, None)
            elif (kind == 0 and id_ in made) or (kind == 1 and id_ not in made):
                continue
            else:
                made[id_] = (text, values, vector)
    return made


def test_under_writes_it_holds_every_operation_up_to_its_own_and_none_after(start: Start) -> None:
    running = begin(start, "rows", "others")
    writers = [Writer(f"w{n}", lambda: collection_of(running), ROWS, DIMENSION, n) for n in range(2)]
    writers.append(Writer("o", lambda: collection_of(running, "others"), ROWS, DIMENSION, 9))
    for writer in writers:
        writer.start()
    wait_until(lambda: all(writer.acknowledged > 5 for writer in writers))
    marked = collection_of(running)
    taken = []
    for n in range(3):
        marked.upsert(ids=[f"before-{n}"], embeddings=[[1.0] * DIMENSION], documents=["m"], metadatas=[{"edition": 0}])  # type: ignore[arg-type]
        with begun(running) as answer:
            marked.upsert(
                ids=[f"after-{n}"], embeddings=[[1.0] * DIMENSION], documents=["m"], metadatas=[{"edition": 0}]
            )  # type: ignore[arg-type]
            taken.append((int(answer.headers["x-vectorstore-sequence"]), b"".join(answer.iter_raw())))
    for writer in writers:
        writer.halt.set()
        writer.join()
        assert writer.refusals == []
    for n, (sequence, archive) in enumerate(taken):
        restored = start(MODEL_NAME="none", DIMENSION=str(DIMENSION), RESTORING="true")
        assert send(restored, archive).status_code == 200
        for name in ("rows", "others"):
            id_ = collection_of(running, name).id
            assert collection_of(restored, name).id == id_
            assert rows(restored, name) == queued(running.folder / "data", str(id_), sequence)
        found = {id_ for id_ in rows(restored, "rows") if not id_.startswith("w")}
        assert found == {*(f"before-{i}" for i in range(n + 1)), *(f"after-{i}" for i in range(n))}
        restored.end()
    code, verdict = drill(taken[-1][1])
    assert (code, verdict["compared"]["differences"], verdict["sequence"]) == (0, [], taken[-1][0])


def test_its_manifest_says_what_it_is(start: Start, tmp_path: Path) -> None:
    running = begin(start)
    fill(running, 50)
    manifest = opened(snapshot(running, "cluster/tenants/123"), tmp_path / "unpacked").manifest
    assert (manifest.tenant, manifest.store, manifest.chromadb) == ("acme", "cluster/tenants/123", "1.5.9")
    assert (manifest.embedding.model, manifest.embedding.dimension) == ("none", DIMENSION)
    (collection,) = manifest.collections
    assert (collection.name, collection.documents, collection.space) == ("rows", 50, "l2")
    assert [len(sample.ids) for sample in collection.samples] == [10] * 5
    assert all(sample.distances[0] == 0 for sample in collection.samples)
    assert not (tmp_path / "unpacked" / "chroma.sqlite3-wal").exists()


def test_an_unpacked_archive_is_a_folder_that_chroma_itself_opens(start: Start, tmp_path: Path) -> None:
    running = begin(start)
    fill(running, 300)
    opened(snapshot(running), tmp_path / "unpacked")
    plain = chromadb.PersistentClient(str(tmp_path / "unpacked")).get_collection("rows", embedding_function=None)
    expected = rows(running, "rows")
    assert plain.count() == 300
    vectors = [list(memoryview(vector).cast("f")) for _, _, vector in expected.values()]
    nearest = plain.query(query_embeddings=vectors[:20], n_results=1)["ids"]  # type: ignore[arg-type]
    assert nearest == [[id_] for id_ in list(expected)[:20]]


def test_a_sleeping_engine_sleeps_on(start: Start) -> None:
    running = begin(start)
    fill(running, 100)
    running.end()
    running.start()
    code, verdict = drill(snapshot(running))
    assert (code, verdict["compared"]["documents"]) == (0, 100)
    assert running.engine_pids() == []


def test_an_empty_store_has_one_too(start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    archive = snapshot(running)
    assert drill(archive)[0] == 0
    restored = start(MODEL_NAME="none", DIMENSION="3", RESTORING="true")
    assert send(restored, archive).status_code == 200
    assert restored.chroma().list_collections() == []


def test_collections_dropped_and_made_while_it_is_taken_are_no_trouble(start: Start) -> None:
    running = begin(start)
    fill(running, 500)
    client = running.chroma()
    archives = []
    for _ in range(3):
        made = client.create_collection("fleeting", embedding_function=None)
        made.upsert(ids=["a"], embeddings=[[1.0] * DIMENSION])  # type: ignore[arg-type]
        archives.append(snapshot(running))
        client.delete_collection("fleeting")
    assert drill(archives[-1])[0] == 0


def test_it_is_taken_beside_a_rebuild(start: Start) -> None:
    running = begin(start)
    fill(running)
    with admin(running) as http:
        begun_ = http.post("/admin/maintenance", json={"operation": "rebuild", "collection": "rows"})
        assert begun_.status_code == 202, begun_.text
        archives = []
        while http.get(f"/admin/maintenance/{begun_.json()['id']}").json()["ended"] is None:
            archives.append(snapshot(running))
    assert [drill(archive)[0] for archive in (archives[0], archives[-1])] == [0, 0]


def test_while_a_vacuum_has_the_writes_wait_it_is_refused_and_taken_afterwards(start: Start) -> None:
    running = begin(start)
    fill(running, 50)
    with (
        admin(running) as http,
        closing(sqlite3.connect(running.folder / "data" / "chroma.sqlite3", isolation_level=None)) as db,
    ):
        db.execute("begin immediate")  # so the vacuum has begun, and cannot end
        id_ = http.post("/admin/maintenance", json={"operation": "vacuum"}).raise_for_status().json()["id"]
        wait_until(lambda: "anew" in http.get(f"/admin/maintenance/{id_}").json()["phase"])
        refused = http.get("/admin/snapshot")
        assert (refused.status_code, refused.headers["retry-after"]) == (409, "10")
        assert "vacuum" in refused.json()["message"]
        db.execute("rollback")
        wait_until(lambda: http.get(f"/admin/maintenance/{id_}").json()["ended"] is not None)
        assert http.get(f"/admin/maintenance/{id_}").json()["error"] is None
    assert drill(snapshot(running))[1]["compared"]["documents"] == 50


def test_two_at_once_are_one_too_many_and_one_who_goes_leaves_nothing(start: Start) -> None:
    running = begin(start)
    fill_wide(running)
    copy = running.folder / "data" / "snapshot"
    with begun(running), admin(running) as http:
        assert copy.exists()
        second = http.get("/admin/snapshot")
        assert (second.status_code, second.headers["retry-after"]) == (409, "10")
        usage = http.get("/admin/usage").json()["bytes"]
        assert usage < 30 << 20  # the copy counts for nothing: no write is refused for it
    wait_until(lambda: not copy.exists())
    assert drill(snapshot(running))[0] == 0


def test_a_kill_in_its_middle_leaves_nothing_and_no_archive(start: Start, tmp_path: Path) -> None:
    running = begin(start)
    fill(running, 50)
    fill_wide(running)
    expected = rows(running, "rows")
    received = b""
    with begun(running) as answer, suppress(httpx.HTTPError):
        for part in answer.iter_raw():
            if not received:
                assert (running.folder / "data" / "snapshot").exists()
                running.end(signal.SIGKILL)
            received += part
    with pytest.raises(ArchiveError, match="ends in its middle"):
        opened(received, tmp_path / "unpacked")
    running.restart()
    assert not (running.folder / "data" / "snapshot").exists()
    assert rows(running, "rows") == expected
    assert drill(snapshot(running))[0] == 0


def test_without_room_it_says_so_before_it_writes_anything(start: Start, volume: Path) -> None:
    running = begin(start, DATA_DIR=str(volume / "data"))
    fill(running)
    free = shutil.disk_usage(volume).free
    (volume / "ballast").write_bytes(bytes(free - (9 << 20)))
    with admin(running) as http:
        refused = http.get("/admin/snapshot")
    assert refused.status_code == 507
    assert "can be spared" in refused.json()["message"]
    assert not (volume / "data" / "snapshot").exists()
    collection_of(running).upsert(ids=["one more"], embeddings=[[1.0] * DIMENSION])  # type: ignore[arg-type]
    (volume / "ballast").unlink()
    assert drill(snapshot(running))[0] == 0


def test_only_the_admin_key_opens_it_and_only_what_it_knows_is_asked(vectors_only: Running) -> None:
    for path in ("/admin/snapshot", "/admin/restore"):
        for headers in ({}, {"authorization": f"Bearer {vectors_only.key()}"}):
            assert httpx.get(vectors_only.management_url + path, headers=headers).status_code == 401
    with admin(vectors_only) as http:
        assert "'stor'" in http.get("/admin/snapshot?stor=x").json()["message"]
        assert "printable" in http.get("/admin/snapshot", params={"store": "a\nb"}).json()["message"]
        assert http.post("/admin/snapshot").status_code == 404
        assert http.post("/admin/restore", content=b"").status_code == 409
    assert state(vectors_only)["phase"] == "none"
