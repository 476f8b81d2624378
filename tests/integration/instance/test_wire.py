"""An unmodified Chroma client gets right answers and clear refusals."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import chromadb
import chromadb.errors
import httpx
import pytest
from tests.support.instances import Running, wait_until

Start = Callable[..., Running]
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"


@pytest.fixture
def collection(vectors_only: Running, request: pytest.FixtureRequest) -> chromadb.Collection:
    return vectors_only.chroma().create_collection(f"of-{abs(hash(request.node.name))}")


def post(running: Running, path: str, content: bytes | str, key: str | None = "read-write") -> httpx.Response:
    with running.http(key) as http:
        return http.post(path, content=content, headers={"content-type": "application/json"})


def test_a_client_writes_reads_modifies_and_deletes(vectors_only: Running, collection: chromadb.Collection) -> None:
    collection.add(
        ids=["a", "b"],
        embeddings=[[1.0, 0, 0], [0, 1.0, 0]],
        documents=["first", "second"],
        metadatas=[{"n": 1}, {"n": 2}],
    )
    collection.upsert(ids=["b", "c"], embeddings=[[0, 2.0, 0], [0, 0, 3.0]], metadatas=[{"n": 20}, {"n": 3}])
    collection.update(ids=["a"], embeddings=[[1.0, 0, 0]], documents=["changed"])

    assert collection.count() == 3
    assert collection.get(ids=["a"], include=["documents", "embeddings"])["documents"] == ["changed"]
    found = collection.query(query_embeddings=[[0, 0, 2.9], [1, 0, 0]], n_results=1)
    assert found["ids"] == [["c"], ["a"]]
    assert collection.query(query_embeddings=[[1, 0, 0]], where={"n": 20})["ids"] == [["b"]]

    collection.delete(ids=["a"])
    collection.delete(where={"n": 20})
    assert collection.get()["ids"] == ["c"]

    collection.modify(name="renamed", metadata={"of": "us"})
    again = vectors_only.chroma().get_collection("renamed")
    assert (again.id, again.metadata, again.count()) == (collection.id, {"of": "us"}, 1)
    assert vectors_only.chroma().count_collections() >= 1
    vectors_only.chroma().delete_collection("renamed")
    with pytest.raises(chromadb.errors.NotFoundError):
        collection.count()


def test_tenants_and_databases_are_there(vectors_only: Running) -> None:
    admin = chromadb.AdminClient(
        chromadb.Settings(
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host="127.0.0.1",
            chroma_server_http_port=vectors_only.port,
            chroma_server_headers={"x-chroma-token": vectors_only.key()},
        )
    )
    admin.create_database("second")
    assert admin.get_database("second")["name"] == "second"
    client = chromadb.HttpClient(
        "127.0.0.1", vectors_only.port, headers={"x-chroma-token": vectors_only.key()}, database="second"
    )
    client.create_collection("only-here").add(ids=["x"], embeddings=[[1, 2, 3]])
    assert [c.name for c in client.list_collections()] == ["only-here"]
    assert "only-here" not in [c.name for c in vectors_only.chroma().list_collections()]


@pytest.mark.parametrize("header", ["authorization", "x-chroma-token"])
def test_without_a_known_key_there_is_no_answer(vectors_only: Running, header: str) -> None:
    for headers in ({}, {header: "Bearer wrong"}, {header: vectors_only.key("admin")}):
        refused = httpx.get(f"{vectors_only.url}{DATABASE}/collections", headers=headers)
        assert refused.status_code == 401
        assert refused.json()["error"] == "AuthorizationError"
        assert "key" in refused.json()["message"]


def test_basic_authentication_takes_a_key_as_password(vectors_only: Running) -> None:
    answer = httpx.get(f"{vectors_only.url}{DATABASE}/collections", auth=("anyone", vectors_only.key()))
    assert answer.status_code == 200


def test_a_read_only_key_reads_and_does_not_write(vectors_only: Running, collection: chromadb.Collection) -> None:
    collection.add(ids=["a"], embeddings=[[1, 0, 0]])
    reader = vectors_only.chroma("read-only").get_collection(collection.name)
    assert reader.query(query_embeddings=[[1, 0, 0]])["ids"] == [["a"]]
    assert reader.get()["ids"] == ["a"]
    for write in (
        lambda: reader.delete(ids=["a"]),
        lambda: reader.upsert(ids=["b"], embeddings=[[1, 0, 0]]),
        lambda: reader.modify(name="mine-now"),
        lambda: vectors_only.chroma("read-only").delete_collection(collection.name),
        lambda: vectors_only.chroma("read-only").create_collection("another"),
    ):
        with pytest.raises(chromadb.errors.ChromaAuthError):
            write()
    assert collection.count() == 1


def test_a_key_is_exchanged_without_a_restart(start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    old = running.key()
    new = "a-new-key-of-this-test"
    keys = running.folder / "keys" / "read-write"
    keys.write_text(f"{old}\n{new}\n")

    def works(key: str) -> bool:
        answer = httpx.get(f"{running.url}{DATABASE}", headers={"x-chroma-token": key})
        return answer.status_code == 200

    wait_until(lambda: works(new))
    assert works(old)
    keys.write_text(f"{new}\n")
    wait_until(lambda: not works(old))
    assert works(new)


def test_open_paths_say_nothing_of_the_tenant(vectors_only: Running) -> None:
    for path in ("/", "/healthz/", "/health", "/api/v2/heartbeat", "/api/v1/heartbeat", "/openapi.json", "/docs"):
        answer = httpx.get(vectors_only.url + path)
        assert answer.status_code == 200, path
        assert "acme" not in answer.text
    assert httpx.get(vectors_only.url + "/stats").status_code == 401
    assert httpx.get(vectors_only.url + "/api/v2/version").status_code == 401


def test_a_name_of_two_letters_or_six_hundred_is_refused(vectors_only: Running) -> None:
    for name in ("ab", "n" * 600, "sp ace"):
        answer = post(vectors_only, f"{DATABASE}/collections", f'{{"name": "{name}"}}')
        assert answer.status_code in (400, 422)
        assert "name" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ('{"ids": ["a"', 400, "not JSON"),
        ('{"ids": ["a"], "embeddings": [[NaN, 0, 0]]}', 400, "not JSON"),
        ('{"ids": ["a"], "embeddings": [[null, 0, 0]]}', 422, "embeddings"),
        ('{"ids": "a", "embeddings": [[1, 0, 0]]}', 422, "ids"),
        ('{"ids": ["a"], "embeddings": [[1, 0]]}', 400, "dimension"),
        ('{"ids": ["a", "a"], "embeddings": [[1, 0, 0], [1, 0, 0]]}', 400, "'a' is there more than once"),
        ('{"ids": [""], "embeddings": [[1, 0, 0]]}', 400, "position 0 is empty"),
        ('{"ids": ["a", "b"], "embeddings": [[1, 0, 0]]}', 400, "1 values for 2 ids"),
        ('{"ids": ["a"], "embeddings": [[1, 0, 0]], "metadatas": [{"k": {"deep": 1}}]}', 422, "metadata"),
        ('{"ids": ["a"], "embeddings": [[1e39, 0, 0]]}', 400, "embeddings"),
    ],
)
@pytest.mark.parametrize("verb", ["add", "upsert"])
def test_what_is_wrong_with_rows_is_said_and_nothing_is_kept(
    vectors_only: Running, collection: chromadb.Collection, verb: str, body: str, status: int, words: str
) -> None:
    collection.add(ids=["there"], embeddings=[[1, 0, 0]])
    answer = post(vectors_only, f"{DATABASE}/collections/{collection.id}/{verb}", body)
    assert answer.status_code == status, answer.text
    assert words.lower() in answer.json()["message"].lower()
    assert collection.get()["ids"] == ["there"]


def test_an_unknown_collection_is_not_found(vectors_only: Running) -> None:
    unknown = f"{DATABASE}/collections/00000000-0000-0000-0000-000000000000"
    for verb, body in (
        ("upsert", '{"ids": ["a"], "embeddings": [[1, 0, 0]]}'),
        ("query", '{"query_embeddings": [[1, 0, 0]]}'),
        ("delete", '{"ids": ["a"]}'),
        ("get", "{}"),
    ):
        answer = post(vectors_only, f"{unknown}/{verb}", body)
        assert (answer.status_code, answer.json()["error"]) == (404, "NotFoundError"), answer.text


def test_unknown_routes_and_the_old_api_answer_in_chromas_shape(vectors_only: Running) -> None:
    with vectors_only.http() as http:
        for path, status in (("/api/v2/nothing", 404), ("/api/v1/collections", 410), ("/nothing", 404)):
            answer = http.get(path)
            assert answer.status_code == status
            assert set(answer.json()) == {"error", "message"}


def test_head_is_answered_like_get_without_a_body(vectors_only: Running) -> None:
    with vectors_only.http("read-only") as http:
        for path in (f"{DATABASE}/collections", "/api/v2/version", "/stats"):
            answer = http.head(path)
            assert (answer.status_code, answer.content) == (200, b""), path


def test_a_body_nested_beyond_reason_is_refused_and_holds_up_nobody(
    vectors_only: Running, collection: chromadb.Collection
) -> None:
    collection.add(ids=["a"], embeddings=[[1, 0, 0]])
    deep = "[" * 50_000 + "]" * 50_000
    rows = f"{DATABASE}/collections/{collection.id}"
    for verb, body in (
        ("query", f'{{"query_embeddings": {deep}}}'),
        ("add", f'{{"ids": ["b"], "embeddings": {deep}}}'),
    ):
        answer = post(vectors_only, f"{rows}/{verb}", body)
        assert answer.status_code in (400, 422), answer.text
    assert collection.query(query_embeddings=[[1, 0, 0]])["ids"] == [["a"]]


def test_a_body_beyond_the_limit_is_refused_at_its_announcement(start: Start, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"max_body_bytes": 1024}')
    running = start(LIMITS_FILE=str(limits), MODEL_NAME="none", DIMENSION="3")
    answer = post(running, f"{DATABASE}/collections", '{"name": "' + "n" * 2000 + '"}')
    assert answer.status_code == 413
    assert "1024 are allowed" in answer.json()["message"]


def test_reset_is_refused_unless_it_is_allowed(vectors_only: Running) -> None:
    answer = post(vectors_only, "/api/v2/reset", "")
    assert (answer.status_code, answer.json()["error"]) == (403, "ChromaError")


def test_paths_that_are_no_routes_are_told_from_the_old_api(vectors_only: Running) -> None:
    with vectors_only.http() as http:
        assert http.get("/api/nothing").status_code == 404
        assert http.request("PATCH", f"{DATABASE}/collections").status_code == 405
        assert http.get("/health/").status_code == 200


def test_pages_of_collections_make_up_all_of_them(start: Start) -> None:
    client = start(MODEL_NAME="none", DIMENSION="3").chroma()
    names = {client.create_collection(f"page-{n}").name for n in range(5)}
    pages = [[c.name for c in client.list_collections(limit=2, offset=offset)] for offset in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert {name for page in pages for name in page} == names


def test_a_request_on_which_the_engine_hangs_up_is_not_asked_for_ever(
    vectors_only: Running, collection: chromadb.Collection
) -> None:
    collection.add(ids=["a", "b"], embeddings=[[1, 0, 0], [0, 1, 0]])
    collection.delete(ids=["a"])
    path = f"{DATABASE}/collections/{collection.id}/query"
    none = post(vectors_only, path, '{"query_embeddings": [[1, 0, 0]], "n_results": 0, "include": ["distances"]}')
    assert (none.status_code, none.json()["ids"], none.json()["distances"]) == (200, [[]], [[]])
    # Written so that only the engine reads it as none wanted, on which it hangs up after a deletion.
    hidden = post(vectors_only, path, '{"query_embeddings": [[1, 0, 0]], "n\\u005fresults": 0}')
    assert (hidden.status_code, hidden.json()["error"]) == (500, "InternalError")
    assert "hangs up" in hidden.json()["message"]
    assert collection.query(query_embeddings=[[1, 0, 0]])["ids"] == [["b"]]


def test_what_http_cannot_carry_is_refused_in_chromas_shape(vectors_only: Running) -> None:
    with socket.create_connection(("127.0.0.1", vectors_only.port)) as connection:
        connection.sendall(b"GET / NONSENSE\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert set(json.loads(body)) == {"error", "message"}


def test_indexing_status_is_told_without_waking_the_engine(start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    collection = running.chroma().create_collection("told")
    collection.add(ids=["a", "b"], embeddings=[[1, 0, 0], [0, 1, 0]])
    status = collection.get_indexing_status()
    assert (status.num_unindexed_ops, status.op_indexing_progress) == (0, 1.0)
    assert status.num_indexed_ops == status.total_ops == 2
    running.end()
    running.start()
    with running.http("read-only") as http:
        told = http.get(f"{DATABASE}/collections/{collection.id}/indexing_status")
        assert told.json()["total_ops"] == 2
        for verb in ("search", "fork"):
            refused = http.post(f"{DATABASE}/collections/{collection.id}/{verb}", json={})
            assert refused.status_code in (403, 501)
    assert running.engine_pids() == []
