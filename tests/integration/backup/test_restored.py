"""Restores that are refused, broken off, begun anew; and in place of what a store holds."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from tests.integration.backup.conftest import DIMENSION, ENVIRON, ROWS
from tests.integration.instance.conftest import Start
from tests.support.archives import rows, state
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
