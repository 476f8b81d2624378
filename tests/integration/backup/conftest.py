"""A real S3 server, real instances, and jobs between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.integration.instance.conftest import Start, _sessions, start
from tests.support.backups import Jobs, of_bucket, of_folder
from tests.support.buckets import Bucket
from tests.support.instances import Running

__all__ = ["_sessions", "start"]

DIMENSION = 32
ENVIRON = {"MODEL_NAME": "none", "DIMENSION": str(DIMENSION)}
ROWS = 600


@pytest.fixture(scope="session")
def source(_sessions: Start) -> Running:
    """A store to be backed up, which nobody writes to."""
    running = _sessions(**ENVIRON)
    made = running.chroma().create_collection("some", embedding_function=None)
    vectors = np.random.default_rng(1).normal(size=(ROWS, DIMENSION)).astype(np.float32)
    made.upsert(ids=[f"ü{n}" for n in range(ROWS)], embeddings=vectors, documents=[f"text {n}" for n in range(ROWS)])
    return running


@pytest.fixture
def waiting(start: Start) -> Running:
    """A store that waits for an archive."""
    return start(**ENVIRON, RESTORING="true")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    bucket = Bucket(tmp_path_factory.mktemp("s3")).start()
    yield bucket
    bucket.kill()


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    """A server of this test's own, which it may kill."""
    (tmp_path / "s3").mkdir()
    bucket = Bucket(tmp_path / "s3").start()
    yield bucket
    bucket.kill()


@pytest.fixture(params=["s3", "folder"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Jobs:
    """Jobs of a destination of this test's own, of either kind."""
    if request.param == "folder":
        (tmp_path / "there").mkdir()
        return of_folder(tmp_path, tmp_path / "there")
    bucket: Bucket = request.getfixturevalue("server")
    return of_bucket(tmp_path, bucket, prefix=tmp_path.name)
