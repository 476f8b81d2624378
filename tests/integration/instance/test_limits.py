"""Every limit as a tenant meets it: changed in the file, in force without a restart, refused as docs/limits.md says."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chromadb
import chromadb.errors
import httpx
import pytest
from tests.support.chroma import chroma_run
from tests.support.instances import Running, wait_until
from tests.support.limits import documented, shape

Start = Callable[..., Running]
BASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"


@dataclass
class Limited:
    """An instance and the file of its limits."""

    running: Running
    file: Path
    http: httpx.Client
    rows: str = ""
    """Path of a collection with three rows."""
    generation: int = 0

    def allow(self, **limits: Any) -> None:
        """Changes the limits and returns when they are in force, which must be soon."""
        self.generation += 1
        write(self.file, {"generation": self.generation, **limits})
        with self.running.http() as http:
            wait_until(lambda: http.get("/healthz/").json()["limits"]["generation"] == self.generation, seconds=2)

    def post(self, verb: str, body: object) -> httpx.Response:
        return self.http.post(f"{self.rows}/{verb}", json=body)

    def add(self, *ids: str, dimension: int = 3) -> httpx.Response:
        return self.post("add", {"ids": ids, "embeddings": [[1] * dimension] * len(ids)})

    def create(self, name: str, **more: Any) -> httpx.Response:
        return self.http.post(BASE, json={"name": name, **more})


def write(file: Path, limits: dict[str, Any]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(limits))
    new.replace(file)


@pytest.fixture(scope="module")
def bare(_sessions: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    """An instance for all tests here, with nothing in it."""
    file = tmp_path_factory.mktemp("limits") / "limits.json"
    write(file, {})
    running = _sessions(MODEL_NAME="none", DIMENSION="3", LIMITS_FILE=str(file))
    with running.http() as http:
        yield Limited(running, file, http)


@pytest.fixture
def limited(bare: Limited) -> Iterator[Limited]:
    """It, without limits but the defaults, and with one collection of three rows."""
    bare.allow()
    bare.rows = f"{BASE}/{bare.create('rows').json()['id']}"
    assert bare.add("a", "b", "c").status_code == 201
    yield bare
    bare.allow()
    for collection in bare.http.get(BASE).json():
        assert bare.http.delete(f"{BASE}/{collection['name']}").is_success


Provoke = Callable[[Limited], httpx.Response]


def documents(store: Limited) -> httpx.Response:
    store.allow(max_documents=5)
    assert store.add("d", "e").status_code == 201
    return store.add("f")


def collections(store: Limited) -> httpx.Response:
    store.allow(max_collections=2)
    assert store.create("second").status_code == 200
    assert store.create("second", get_or_create=True).status_code == 200
    return store.create("third")


def files(store: Limited) -> httpx.Response:
    store.allow(max_bytes=1 << 20)
    metadata = {"text": "x" * 20_000}
    for n in range(100):
        answer = store.post("add", {"ids": [f"r{n}"], "embeddings": [[1, 2, 3]], "metadatas": [metadata]})
        if not answer.is_success:
            assert store.post("delete", {"ids": ["a"]}).status_code == 200
            return answer
    pytest.fail("two megabytes went into one")


def rate(store: Limited) -> httpx.Response:
    store.allow(requests_per_second=0.01, burst=2)
    for _ in range(2):
        assert store.post("get", {}).status_code == 200
    assert store.http.get("/healthz/").status_code == 200
    assert httpx.get(f"{store.running.url}{store.rows}/count").status_code == 401
    return store.post("get", {})


def places(store: Limited) -> httpx.Response:
    store.allow(max_concurrent=1)
    refused = threading.Event()

    def ask(_: int) -> httpx.Response:
        while True:
            answer = store.post("get", {})
            if answer.status_code == 429 or refused.is_set():
                refused.set()
                return answer

    with ThreadPoolExecutor(4) as threads:
        return next(answer for answer in threads.map(ask, range(4)) if answer.status_code == 429)


def body(store: Limited) -> httpx.Response:
    store.allow(max_body_bytes=1024)
    return store.post("get", {"ids": ["x" * 1024]})


def batch(store: Limited) -> httpx.Response:
    store.allow(max_batch_rows=2)
    assert store.http.get("/api/v2/pre-flight-checks").json()["max_batch_size"] == 2
    return store.add("x", "y", "z")


def dimension(store: Limited) -> httpx.Response:
    store.allow(max_dimension=8)
    other = f"{BASE}/{store.create('other').json()['id']}"
    longer = store.http.post(f"{other}/add", json={"ids": ["a"], "embeddings": [[1] * 9]})
    assert (longer.status_code, longer.json()["error"]) == (400, "InvalidArgumentError")
    assert "max_dimension" in longer.json()["message"]
    return store.post("query", {"query_embeddings": [[1] * 9]})


def results(store: Limited) -> httpx.Response:
    store.allow(max_n_results=2)
    assert store.post("query", {"query_embeddings": [[1, 0, 0]], "n_results": 2}).status_code == 200
    return store.post("query", {"query_embeddings": [[1, 0, 0]], "n_results": 3})


def operators(store: Limited) -> httpx.Response:
    store.allow(max_where_operators=3)
    assert store.post("get", {"where": {"$and": [{"a": 1}, {"b": 2}]}}).status_code == 200
    return store.post("get", {"where": {"$and": [{"a": 1}, {"b": 2}, {"c": 3}]}})


def texts(store: Limited) -> httpx.Response:
    store.allow(where_document=False)
    return store.post("get", {"where_document": {"$contains": "a"}})


PROVOKED: dict[str, Provoke] = {
    "max_documents": documents,
    "max_collections": collections,
    "max_bytes": files,
    "requests_per_second": rate,
    "max_concurrent": places,
    "burst": rate,
    "max_body_bytes": body,
    "max_batch_rows": batch,
    "max_dimension": dimension,
    "max_n_results": results,
    "max_where_operators": operators,
    "where_document": texts,
}


def provoke_all(store: Limited, names: list[str]) -> None:
    """Meets the limits one after another, each lifted by the file that sets the next."""
    rows = documented()
    for name in names:
        answer = PROVOKED[name](store)
        expected = rows[name]
        said = answer.json()
        assert (answer.status_code, said["error"]) == (expected.status, expected.error), (name, said)
        assert shape(said["message"]) == shape(expected.example)
        assert ("retry-after" in answer.headers) is expected.waits, name
        if expected.waits:
            assert int(answer.headers["retry-after"]) >= 1
    store.allow()
    assert store.post("query", {"query_embeddings": [[1, 2, 3]]}).status_code == 200


def test_every_limit_is_refused_as_documented_and_lifted_without_a_restart(limited: Limited) -> None:
    assert set(PROVOKED) == set(documented())
    provoke_all(limited, list(PROVOKED))


def test_before_another_chroma_all_limits_but_that_of_files_are_kept(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    write(file, {})
    with chroma_run(tmp_path / "theirs") as url:
        running = start(MODEL_NAME="none", DIMENSION="3", LIMITS_FILE=str(file), ENGINE_URL=url)
        with running.http() as http:
            store = Limited(running, file, http)
            store.rows = f"{BASE}/{store.create('rows').json()['id']}"
            assert store.add("a", "b", "c").status_code == 201
            provoke_all(store, [name for name in PROVOKED if name != "max_bytes"])


@contextmanager
def raises(error: type[chromadb.errors.ChromaError], words: str) -> Iterator[None]:
    with pytest.raises(error) as raised:
        yield
    assert words in str(raised.value)


def test_chromas_client_raises_the_class_that_is_meant(limited: Limited) -> None:
    rows = limited.running.chroma().get_collection("rows", embedding_function=None)
    limited.allow(max_documents=3, max_collections=1, max_n_results=2, where_document=False)
    with raises(chromadb.errors.QuotaError, "documents: 3 of 3"):
        rows.add(ids=["d"], embeddings=[[1, 2, 3]])
    with raises(chromadb.errors.QuotaError, "collections: 1 of 1"):
        limited.running.chroma().create_collection("more")
    with raises(chromadb.errors.InvalidArgumentError, "n_results: 3 is above the 2"):
        rows.query(query_embeddings=[[1, 2, 3]], n_results=3)
    with raises(chromadb.errors.InvalidArgumentError, "does not search in texts"):
        rows.get(where_document={"$contains": "a"})
    limited.allow(requests_per_second=0.01, burst=1)
    rows.count()
    with raises(chromadb.errors.RateLimitError, "requests: more than 0.01 a second"):
        rows.count()


def test_the_text_routes_keep_the_same_limits(limited: Limited) -> None:
    limited.allow(max_n_results=2, max_where_operators=2, max_collections=1)
    deep: dict[str, Any] = {"a": 1}
    for _ in range(200):
        deep = {"$and": [deep, {"a": 1}]}
    wide = limited.http.post("/collections/rows/get", json={"where": deep})
    assert (wide.status_code, wide.json()["error"]) == (400, "InvalidArgumentError")
    full = limited.http.post("/collections/create", json={"name": "more"})
    assert (full.status_code, full.json()["error"]) == (429, "QuotaError")


def test_filters_that_end_chroma_are_refused_and_the_heaviest_allowed_ones_are_answered(limited: Limited) -> None:
    limited.allow(max_where_operators=1_000_000)
    (engine,) = limited.running.engine_pids()
    for leaves in (900, 5_000, 100_000):
        refused = limited.post("get", {"where": {"$or": [{"x": n} for n in range(leaves)]}})
        assert refused.status_code == 400, refused.text
    heavy: list[dict[str, Any]] = [
        {"where": {"$or": [{"x": n} for n in range(799)]}},
        {"where_document": {"$and": [{"$regex": "a+b"} for _ in range(799)]}},
        {"where": {"$or": [{"x": {"$ne": n}} for n in range(600)]}, "where_document": {"$contains": "a" * 16_384}},
        {"where": {"x": {"$in": list(range(14_999))}}},
        {"ids": [str(n) for n in range(30_000)]},
    ]
    deep: dict[str, Any] = {"x": 1}
    for _ in range(59):
        deep = {"$and": [deep, {"x": 1}]}
    for asked in (*heavy, {"where": deep}):
        answered = limited.post("get", asked)
        assert answered.status_code == 200, (str(asked)[:80], answered.text)
    assert limited.running.engine_pids() == [engine]


def test_collections_are_counted_in_every_database_and_after_a_drop_and_a_kill(limited: Limited) -> None:
    tenant = "/api/v2/tenants/default_tenant/databases"
    limited.allow(max_collections=4)
    assert limited.http.post(tenant, json={"name": "other"}).is_success
    theirs = f"{tenant}/other/collections"
    for name in ("one", "two", "one"):
        made = limited.http.post(theirs, json={"name": name, "get_or_create": True})
        assert made.status_code == 200
    filled = {"ids": ["a", "b"], "embeddings": [[1, 2, 3]] * 2}
    assert limited.http.post(f"{theirs}/{made.json()['id']}/add", json=filled).is_success
    assert usage(limited) == (5, 3)
    assert limited.create("last").status_code == 200
    assert limited.create("beyond").status_code == 429
    assert limited.create("last").status_code == 409
    assert limited.http.delete(f"{tenant}/other").is_success
    assert usage(limited) == (3, 2)
    limited.running.kill_engine()
    assert limited.create("again", get_or_create=True).status_code == 200
    assert usage(limited) == (3, 3)
    limited.running.end(signal.SIGKILL)
    limited.running.restart()
    assert usage(limited) == (3, 3)


def usage(store: Limited) -> tuple[int, int]:
    told = store.http.get("/stats").json()
    return told["documents"], told["collections"]


def test_makers_of_collections_cannot_pass_the_limit_together(limited: Limited) -> None:
    limited.allow(max_collections=6)
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda n: limited.create(f"made-{n}").status_code, range(20)))
    assert sorted(statuses) == [200] * 5 + [429] * 15
    assert usage(limited)[1] == 6 == len(limited.http.get(BASE).json())


def test_the_store_s_pods_share_one_rate_and_count_each_request_once(start: Start, limited: Limited) -> None:
    leader = limited.running
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, MODEL_NAME="none", DIMENSION="3")
    limited.allow(requests_per_second=0.001, burst=100)
    asked = {"query_embeddings": [[random.random() for _ in range(3)]], "n_results": 1}
    with follower.http() as http, ThreadPoolExecutor(16) as threads:
        answers = threads.map(lambda _: http.post(f"{limited.rows}/query", json=asked).status_code, range(40))
        assert list(answers) == [200] * 40  # many of them go to the leader as one
        for _ in range(20):  # each of them asks the leader twice
            assert http.post("/collections/rows/get", json={"ids": ["a"]}).status_code == 200
        for path in ["/healthz/", "/api/v2/version"] * 20:  # the one asks the leader for nothing, the other not at all
            assert http.get(path).status_code == 200
        directly = [limited.post("get", {}).status_code for _ in range(50)]
        assert directly == [200] * 40 + [429] * 10
        refused = http.post(f"{limited.rows}/get", json={})
        assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitError")
        assert int(refused.headers["retry-after"]) >= 1
        assert http.get("/healthz/").json()["usage"]["documents"] == 3


def test_a_large_answer_has_its_place_until_it_is_read(limited: Limited) -> None:
    large = {"ids": ["large"], "embeddings": [[1, 2, 3]], "documents": ["x" * (16 << 20)]}
    assert limited.post("upsert", large).status_code == 200
    limited.allow(max_concurrent=1)
    with limited.http.stream("POST", f"{limited.rows}/get", json={"ids": ["large"]}) as answer:
        assert limited.http.get("/stats").status_code == 429
        assert len(answer.read()) > 16 << 20
    wait_until(lambda: limited.http.get("/stats").status_code == 200)
