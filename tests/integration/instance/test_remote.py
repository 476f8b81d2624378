"""A front before an engine that is not its child: any Chroma server will do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import chromadb.errors
import httpx
import pytest
from tests.support.instances import Running, free_port, wait_until

Start = Callable[..., Running]


@pytest.fixture
def chroma_run(tmp_path: Path) -> Iterator[str]:
    """Chroma's own server, as anybody would run it."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("chroma")),
        "run",
        "--path",
        str(tmp_path / "theirs"),
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


def test_keys_texts_and_the_wire_work_before_another_chroma(start: Start, chroma_run: str) -> None:
    running = start(ENGINE_URL=chroma_run)
    with running.http() as http:
        made = http.post(
            "/embed/", json={"documents": ["Bees make honey.", "Rain falls from clouds."], "ids": ["b", "r"]}
        )
        assert made.status_code == 200, made.text
        found = http.post("/search/", json={"query": "Which insects produce sweet food?", "n_results": 1}).json()
        assert [r["id"] for r in found["results"]] == ["b"]
        assert http.get("/stats").json()["documents"] == 2
    assert running.chroma("read-only").get_collection("documents").count() == 2
    with pytest.raises(chromadb.errors.ChromaAuthError):
        running.chroma("read-only").delete_collection("documents")
    assert (
        httpx.get(f"{chroma_run}/api/v2/tenants/default_tenant/databases/default_database/collections_count").json()
        == 1
    )
    assert running.engine_pids() == []
    assert not (running.folder / "data").exists()


def test_an_engine_that_is_away_is_told_and_comes_back(start: Start, tmp_path: Path) -> None:
    leader = start(MODEL_NAME="none", DIMENSION="3")
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, MODEL_NAME="none", DIMENSION="3")
    leader.end()
    wait_until(lambda: httpx.get(f"{follower.management_url}/readyz").status_code == 503)
    with follower.http() as http:
        away = http.get("/api/v2/tenants/default_tenant/databases/default_database/collections")
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    assert "does not answer" in away.json()["message"]
    assert httpx.get(f"{follower.management_url}/livez").status_code == 200
    leader.start()
    wait_until(lambda: httpx.get(f"{follower.management_url}/readyz").status_code == 200)
    assert follower.chroma().list_collections() == []
