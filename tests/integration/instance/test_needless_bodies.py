"""Bodies on requests that need none: bounded and counted as others are, and never taken for the next request."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import pytest
from tests.support.instances import Running

Start = Callable[..., Running]
VECTORS = {"MODEL_NAME": "none", "DIMENSION": "3"}
NEEDING_NONE = [
    ("GET", "/collections"),
    ("DELETE", "/collections/there"),
    ("GET", "/stats"),
    ("GET", "/api/v1/database"),
    ("GET", "/api/v1/database/there/status"),
    ("POST", "/api/v1/database/there/cancel"),
    ("DELETE", "/api/v1/database/there"),
]


@pytest.mark.parametrize("follows", [False, True])
def test_a_body_that_no_route_reads_is_bounded(start: Start, tmp_path: Path, follows: bool) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"max_body_bytes": 1024}')
    store = start(LIMITS_FILE=str(limits), **VECTORS)
    if follows:
        keys = {name: store.key(name) for name in ("read-write", "internal")}
        store = start(keys, POD_INDEX="1", LEADER_URL=store.url, LIMITS_FILE=str(limits), **VECTORS)
    with store.http() as http:
        http.post("/collections/create", json={"name": "there"}).raise_for_status()

        def parts() -> Iterator[bytes]:
            yield from [b"x" * 512] * 3

        for method, path in NEEDING_NONE:
            answer = http.request(method, path, content=parts())
            assert (answer.status_code, "1024 are allowed" in answer.text) == (413, True), (method, path, answer.text)
        assert [found["name"] for found in http.get("/collections").json()["collections"]] == ["there"]


def test_a_body_that_no_route_reads_avoids_no_limit_of_places(start: Start, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"max_concurrent": 1}')
    store = start(LIMITS_FILE=str(limits), **VECTORS)
    with store.http() as http, ThreadPoolExecutor(4) as threads:
        http.post("/collections/create", json={"name": "there"}).raise_for_status()
        (engine,) = store.engine_pids()
        os.kill(engine, signal.SIGSTOP)
        asked = [threads.submit(http.request, "GET", "/collections", content=iter([b"{}"])) for _ in range(4)]
        try:
            turned_away = list(islice(as_completed(asked, timeout=15), 3))
        finally:
            os.kill(engine, signal.SIGCONT)
        assert [each.result().status_code for each in turned_away] == [429] * 3


def test_a_body_on_a_get_does_not_run_into_the_next_request_to_the_leader(start: Start) -> None:
    leader = start(**VECTORS)
    keys = {name: leader.key(name) for name in ("read-write", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, **VECTORS)
    with follower.http() as http, follower.http() as other:
        for _ in range(3):
            assert http.request("GET", "/api/v1/database", content=b"x" * 200).json() == {"databases": []}
            assert other.get("/api/v1/database").json() == {"databases": []}
