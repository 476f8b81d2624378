"""The instance that is fuzzed. Whatever a test sends, at its end the same processes serve the same data.

`SOAK_FUZZ` is how many examples each test tries; without it there are few, and the same in every run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from tests.integration.instance.conftest import Start, _sessions
from tests.support.besieged import DATABASE, PATIENCE, Besieged, Bystander
from tests.support.instances import wait_until

__all__ = ["_sessions"]

LONG = int(os.environ.get("SOAK_FUZZ", "0"))
GROWTH = 200 << 20
"""Bytes by which an instance whose data are bounded may grow, however long it is fuzzed."""
LIMITS = {"max_documents": 2000, "max_collections": 50, "max_body_bytes": 1 << 20, "max_dimension": 400}


def examples(few: int, each_of: int = 1) -> settings:
    """How a property is tried: the same few examples in every run, or SOAK_FUZZ new ones over so many alike."""
    return settings(
        max_examples=LONG // each_of or few,
        derandomize=not LONG,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="session")
def instance(_sessions: Start, tmp_path_factory: pytest.TempPathFactory) -> Besieged:
    limits = tmp_path_factory.mktemp("limits") / "limits.json"
    limits.write_text(json.dumps(LIMITS))
    besieged = Besieged(_sessions(LIMITS_FILE=str(limits)))
    warm_up(besieged)
    return besieged


def warm_up(besieged: Besieged) -> None:
    """Has everything loaded that takes memory once: the model, a large body, both faces."""
    assert besieged.send("POST", "/embed/", b'{"documents": ["hello"]}').status == 200
    assert besieged.send("POST", "/search/", b'{"query": "hello"}').status == 200
    assert besieged.send("POST", "/search/", b" " * LIMITS["max_body_bytes"]).status == 400


def collection(besieged: Besieged, name: str, **rows: object) -> str:
    """Makes a collection; its path."""
    made = besieged.send("POST", f"{DATABASE}/collections", json.dumps({"name": name}).encode())
    path = f"{DATABASE}/collections/{made.json['id']}"
    if rows:
        assert besieged.send("POST", f"{path}/add", json.dumps(rows).encode()).status == 201
    return path


@pytest.fixture(scope="session")
def _bystander(instance: Besieged) -> Iterator[Bystander]:
    rows = {"ids": ["n", "l", "f"], "embeddings": [[1, 0, 0], [0.9, 0.3, 0], [0, 1, 0]]}
    path = collection(instance, "of-somebody-else", **rows, documents=["near", "less near", "far"])
    with Bystander(instance.running, f"{path}/query") as bystander:
        yield bystander


@pytest.fixture
def besieged(instance: Besieged, _bystander: Bystander) -> Iterator[Besieged]:
    """The instance, watched: nobody else is kept waiting or answered wrongly, nothing crashes, nothing grows."""
    before, memory, served, log = instance.pids, instance.memory(), _bystander.served, len(instance.running.log)
    assert len(before) == 2
    yield instance
    assert instance.send("GET", "/stats").status == 200
    wait_until(lambda: _bystander.served > served or bool(_bystander.failures), PATIENCE)
    assert _bystander.failures == []
    assert instance.pids == before
    assert instance.memory() - memory < GROWTH
    said = instance.running.log[log:]
    assert "Traceback" not in said, said[said.index("Traceback") - 500 :][:3000]
    print(f"answers: {dict(sorted(instance.statuses.items()))}, {(instance.memory() - memory) >> 10} KiB more")
