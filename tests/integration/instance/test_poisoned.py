"""One collection that the engine cannot bear, as older releases let in: it is set apart, and the rest is served."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.support.instances import Running, free_port, wait_until

Start = Callable[..., Running]
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
DEADLY = {"chroma:document": 5}
"""The engine ends at this row, and again whenever it reads it."""
TOO_MANY = {f"k{n}": n for n in range(5462)}
"""It binds more variables than SQLite has, and reads no more of the collection."""


@pytest.mark.parametrize("metadata", [DEADLY, TOO_MANY], ids=["deadly", "too-many"])
def test_a_poisoned_collection_is_set_apart_and_the_rest_is_served(start: Start, metadata: dict[str, Any]) -> None:
    port = free_port()
    running = start(MODEL_NAME="none", DIMENSION="3", ENGINE_PORT=str(port))
    with running.http() as http:
        ids = {name: made(http, name) for name in ("good", "bad")}
        poison(
            f"http://127.0.0.1:{port}{DATABASE}/collections/{ids['bad']}/upsert", row("b") | {"metadatas": [metadata]}
        )
    running.end(9)
    running.restart()
    with running.http() as http:
        assert http.post(f"{DATABASE}/collections/{ids['good']}/query", json=QUESTION).json()["ids"] == [["a"]]
        for verb, body in (("query", QUESTION), ("get", {}), ("upsert", row("c")), ("delete", {"ids": ["a"]})):
            refused = http.post(f"{DATABASE}/collections/{ids['bad']}/{verb}", json=body)
            assert refused.status_code == 409, refused.text
            assert "collection bad" in refused.json()["message"]
            assert "delete it" in refused.json()["message"]
        assert http.get(f"{DATABASE}/collections/{ids['bad']}/count").status_code == 409
        assert len(running.engine_pids()) == 1
        assert {c["name"] for c in http.get(f"{DATABASE}/collections").json()} == {"good", "bad"}
        assert http.delete(f"{DATABASE}/collections/bad").status_code == 200
        made(http, "bad")
        assert http.post(f"{DATABASE}/collections/{ids['good']}/upsert", json=row("z")).status_code == 200


def test_one_that_stops_the_engine_while_it_serves_is_set_apart_then(start: Start) -> None:
    port = free_port()
    running = start(MODEL_NAME="none", DIMENSION="3", ENGINE_PORT=str(port))
    with running.http() as http:
        ids = {name: made(http, name) for name in ("good", "bad")}
        poison(f"http://127.0.0.1:{port}{DATABASE}/collections/{ids['bad']}/upsert", row("b") | {"metadatas": [DEADLY]})
        for n in range(3):
            written = http.post(f"{DATABASE}/collections/{ids['good']}/upsert", json=row(f"g{n}"))
            assert written.status_code == 200, written.text
        wait_until(
            lambda: http.post(f"{DATABASE}/collections/{ids['bad']}/query", json=QUESTION).status_code == 409,
            seconds=20,
        )
        assert http.post(f"{DATABASE}/collections/{ids['good']}/upsert", json=row("last")).status_code == 200
        assert http.get(f"{DATABASE}/collections/{ids['good']}/count").json() == 5
    assert running.log.count("the engine died") <= 2


def made(http: httpx.Client, name: str) -> str:
    """A collection with a row."""
    id_: str = http.post(f"{DATABASE}/collections", json={"name": name}).json()["id"]
    assert http.post(f"{DATABASE}/collections/{id_}/upsert", json=row("a")).status_code == 200
    return id_


QUESTION = {"query_embeddings": [[1, 2, 3]], "n_results": 1}


def row(id_: str) -> dict[str, Any]:
    return {"ids": [id_], "embeddings": [[1, 2, 3]]}


def poison(url: str, body: dict[str, Any]) -> None:
    """Writes past the front, as no release does any more."""
    with contextlib.suppress(httpx.TransportError):
        httpx.post(url, json=body, timeout=30)
