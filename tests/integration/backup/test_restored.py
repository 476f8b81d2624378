"""Restores that are refused, broken off, begun anew; and in place of what a store holds."""

from __future__ import annotations

import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.backup.conftest import DIMENSION, ENVIRON, ROWS
from tests.integration.instance.conftest import Start
from tests.support.archives import altered, rows, state
from tests.support.backups import Jobs, of_folder
from tests.support.instances import Running, wait_until


@pytest.fixture
def jobs(tmp_path: Path, source: Running) -> Jobs:
    """Jobs of a folder with a backup in it."""
    (tmp_path / "there").mkdir()
    jobs = of_folder(tmp_path, tmp_path / "there")
    assert jobs.run("backup", "first", running=source).ok
    return jobs


def test_another_model_is_refused(jobs: Jobs, start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="4", RESTORING="true")
    ended = jobs.run("restore", "first", running=running)
    assert (ended.reason, "dimension" in ended.message) == ("WrongModel", True), ended
    assert state(running)["phase"] == "waiting"


def test_a_second_job_finds_what_the_first_has_restored(jobs: Jobs, waiting: Running) -> None:
    first = jobs.run("restore", "first", running=waiting)
    assert first.ok
    again = jobs.run("restore", "first", running=waiting)
    assert (again.ok, again.verified) == (True, first.verified)


def test_an_instance_that_is_killed_and_comes_back_is_restored(jobs: Jobs, source: Running, waiting: Running) -> None:
    job = jobs.begin("restore", "first", running=waiting, patience_seconds=60)
    wait_until(lambda: state(waiting)["phase"] == "proving")
    waiting.end(signal.SIGKILL)
    waiting.restart()
    restored = job.result()
    assert restored.reason == "Done", restored
    assert rows(waiting, "some") == rows(source, "some")


def test_in_place_of_what_a_store_holds(jobs: Jobs, source: Running, start: Start) -> None:
    running = start(**ENVIRON)
    running.chroma().create_collection("other", embedding_function=None).upsert(
        ids=["a"], embeddings=[[1.0] * DIMENSION]
    )
    assert jobs.run("restore", "first", running=running).reason == "StoreRefused"
    assert running.process is not None
    again = threading.Thread(target=lambda: (running.process.wait(), running.restart()))  # type: ignore[union-attr]
    again.start()
    restored = jobs.run("restore", "first", running=running, replace=True, patience_seconds=60)
    again.join()
    assert restored.reason == "Done", restored
    assert [collection.name for collection in running.chroma().list_collections()] == ["some"]
    assert len(rows(running, "some")) == ROWS


def test_in_place_a_run_is_carried_out_once(jobs: Jobs, start: Start) -> None:
    """A job that is started again, as when nobody heard of its end, undoes nothing that was written since."""
    running = start(**ENVIRON)
    assert running.process is not None
    again = threading.Thread(target=lambda: (running.process.wait(), running.restart()))  # type: ignore[union-attr]
    again.start()
    first = jobs.run("restore", "first", running=running, replace=True, run="r1", patience_seconds=60)
    again.join()
    assert first.ok, first
    made = running.chroma().get_collection("some", embedding_function=None)
    made.upsert(ids=["since"], embeddings=[[1.0] * DIMENSION])
    second = jobs.run("restore", "first", running=running, replace=True, run="r1")
    assert (second.ok, second.verified) == (True, first.verified)
    assert len(rows(running, "some")) == ROWS + 1


def test_in_place_an_archive_that_does_not_hold_leaves_the_store_as_it_is(
    jobs: Jobs, start: Start, tmp_path: Path
) -> None:
    """What comes is proven beside what is there, which serves on when it does not hold."""
    (archive,) = (tmp_path / "there").rglob("first.*.tar.zst")
    folder = tmp_path / "unpacked"

    def damage() -> None:
        with closing(sqlite3.connect(folder / "chroma.sqlite3")) as db:
            db.execute("delete from embeddings_queue where id = 'ü100'")
            db.commit()

    archive.write_bytes(altered(archive.read_bytes(), folder, damage))
    running = start(**ENVIRON)
    running.chroma().create_collection("mine", embedding_function=None).upsert(
        ids=["a"], embeddings=[[1.0] * DIMENSION]
    )
    path = str(archive.relative_to(tmp_path / "there"))
    ended = jobs.run("restore", running=running, replace=True, run="r1", object=path, store=None)
    assert (ended.ok, ended.reason, ended.transient) == (False, "Differs", False), ended
    assert list(rows(running, "mine")) == ["a"]
    assert not (running.folder / "data" / "restore").exists()
