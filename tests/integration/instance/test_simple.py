"""Text in, text out, over HTTP with a real engine and the real model; every answer as documented."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from pydantic import BaseModel
from tests.support.instances import Running

from vectorstore_instance.models import answers

Start = Callable[..., Running]
T = TypeVar("T", bound=BaseModel)

DOCUMENTS = ["The weather is lovely today.", "He drove to the stadium.", "Databases keep rows on disk."]
IDS = ["weather", "stadium", "databases"]
METADATAS = [{"topic": "nature", "year": 2024}, {"topic": "sports", "year": 2025}, None]
OF_DATABASES = [("GET", "status"), ("POST", "query"), ("POST", "cancel")]


class Client:
    """Calls routes and holds the answers against their documented models."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def ask(self, model: type[T], method: str, path: str, **body: Any) -> T:
        reply = self.http.request(method, path, json=body or None)
        assert reply.status_code == 200, reply.text
        return model.model_validate_json(reply.content, strict=True, extra="forbid")

    def refused(self, status: int, path: str, body: Any = None, **options: Any) -> str:
        reply = self.http.post(path, json=body, **options)
        assert reply.status_code == status, reply.text
        return answers.Error.model_validate_json(reply.content, extra="forbid").message


@pytest.fixture
def client(shared: Running) -> Client:
    return Client(shared.http())


@pytest.fixture
def fresh(start: Start) -> Client:
    """A client of an instance where nothing has been stored."""
    return Client(start().http())


@pytest.fixture
def name(client: Client, request: pytest.FixtureRequest) -> str:
    """A collection of this test's own, named like it; tests elsewhere may have the same name."""
    made = re.sub(r"\W", "-", request.node.name) + f"-{uuid4().hex[:8]}"
    client.ask(answers.Collection, "POST", "/collections/create", name=made)
    return made


def fill(client: Client, name: str) -> None:
    client.ask(answers.Written, "POST", f"/collections/{name}/add", documents=DOCUMENTS, ids=IDS, metadatas=METADATAS)


def stored(client: Client, name: str, **selection: Any) -> dict[str, answers.Document]:
    found = client.http.post(f"/collections/{name}/get", json=selection)
    return {item.id: item for item in answers.Documents.model_validate_json(found.content).results}


def test_embed_search_delete_on_a_fresh_store(fresh: Client) -> None:
    assert fresh.ask(answers.Found, "POST", "/search/", query="anything").results == []
    assert fresh.ask(answers.Deleted, "POST", "/delete/", ids=["nothing"]).deleted == 0
    assert fresh.ask(answers.Collections, "GET", "/collections").collections == []

    written = fresh.ask(answers.Written, "POST", "/embed/", documents=DOCUMENTS, ids=IDS, metadatas=METADATAS)
    assert (written.ids, written.count) == (IDS, 3)
    (first, second) = fresh.ask(answers.Found, "POST", "/search/", query="Is it sunny outside?", n_results=2).results
    assert (first.id, first.document, first.metadata) == ("weather", DOCUMENTS[0], METADATAS[0])
    assert first.distance < second.distance
    only = fresh.ask(answers.Found, "POST", "/search/", query="Is it sunny outside?", where={"topic": "sports"}).results
    assert [hit.id for hit in only] == ["stadium"]

    assert fresh.ask(answers.Deleted, "POST", "/delete/", ids=["weather", "unknown"]).deleted == 1
    left = fresh.ask(answers.Found, "POST", "/search/", query="Is it sunny outside?").results
    assert {hit.id for hit in left} == {"stadium", "databases"}
    stats = fresh.ask(answers.Stats, "GET", "/stats")
    assert (stats.documents, stats.collections, stats.limit) == (2, 1, 100_000)


def test_distances_are_one_minus_the_published_similarity(client: Client, name: str) -> None:
    client.ask(answers.Written, "POST", f"/collections/{name}/add", documents=DOCUMENTS[:2])
    ((near, _),) = client.ask(
        answers.FoundEach, "POST", f"/collections/{name}/query", query_texts=["It's so sunny outside!"]
    ).results
    assert near.distance == pytest.approx(1 - 0.6660, abs=1e-4)


def test_embed_updates_a_document_of_the_same_id(fresh: Client) -> None:
    fresh.ask(answers.Written, "POST", "/embed/", documents=["old"], ids=["a"], metadatas=[{"x": 1, "y": 1}])
    fresh.ask(answers.Written, "POST", "/embed/", documents=["new"], ids=["a"], metadatas=[{"y": 2}])
    (found,) = stored(fresh, "documents").values()
    assert (found.document, found.metadata) == ("new", {"x": 1, "y": 2})


def test_add_takes_an_object_and_query_finds_it(start: Start) -> None:
    client = Client(start(TEXT_FIELD="thought", DEFAULT_COLLECTION="memory").http())
    given = client.ask(answers.Added, "POST", "/add", id="one", thought="It rains.", step=3, metadata={"ok": True})
    made = client.ask(answers.Added, "POST", "/add", text="The sun shines.", thought="not embedded", tags=["a", "b"])
    assert given.id == "one"
    (hit,) = client.ask(answers.Found, "POST", "/query", query_text="sunshine", k=1).results
    assert (hit.id, hit.document) == (made.id, "The sun shines.")
    assert hit.metadata == {"thought": "not embedded", "tags": ["a", "b"]}
    assert stored(client, "memory")["one"].metadata == {"step": 3, "ok": True}


def test_a_collection_is_made_listed_and_deleted(client: Client) -> None:
    made = client.ask(answers.Collection, "POST", "/collections/create", name="life.of-one", metadata={"team": "blue"})
    assert (made.name, made.metadata, made.dimension) == ("life.of-one", {"team": "blue"}, None)
    assert "already exists" in client.refused(409, "/collections/create", {"name": "life.of-one"})
    fill(client, "life.of-one")
    listed = {c.name: c for c in client.ask(answers.Collections, "GET", "/collections").collections}
    assert listed["life.of-one"].dimension == 384
    assert client.ask(answers.Dropped, "DELETE", "/collections/life.of-one").deleted == "life.of-one"
    assert "life.of-one" in client.refused(404, "/collections/life.of-one/get", {})
    assert client.http.delete("/collections/life.of-one").status_code == 404


def test_rows_are_added_read_updated_and_deleted(client: Client, name: str) -> None:
    fill(client, name)
    assert stored(client, name)["databases"].metadata is None
    assert list(stored(client, name, where={"year": {"$gte": 2025}})) == ["stadium"]
    assert list(stored(client, name, ids=["weather", "unknown"])) == ["weather"]
    assert len(stored(client, name, limit=1, offset=1)) == 1

    message = client.refused(409, f"/collections/{name}/add", {"documents": ["other"], "ids": ["stadium"]})
    assert "'stadium'" in message
    assert "upsert" in message
    client.ask(answers.Written, "POST", f"/collections/{name}/upsert", documents=["other"], ids=["stadium"])
    assert stored(client, name)["stadium"].document == "other"

    both = client.ask(answers.Deleted, "POST", f"/collections/{name}/delete", ids=IDS, where={"topic": "nature"})
    assert (both.deleted, set(stored(client, name))) == (1, {"stadium", "databases"})
    assert client.ask(answers.Deleted, "POST", f"/collections/{name}/delete", where={"topic": "none"}).deleted == 0


def test_several_questions_are_answered_each(client: Client, name: str) -> None:
    fill(client, name)
    asked = {"query_texts": ["sunshine", "sports arena", "SQL"], "n_results": 1}
    found = client.ask(answers.FoundEach, "POST", f"/collections/{name}/query", **asked).results
    assert [[hit.id for hit in hits] for hits in found] == [["weather"], ["stadium"], ["databases"]]


def test_vectors_of_ones_own_are_stored_beside_texts(client: Client, name: str) -> None:
    vector = [1.0] + [0.0] * 383
    rows = {"embeddings": [vector, vector], "documents": ["kept as it is, " * 300, "b"], "ids": ["a", "b"]}
    client.ask(answers.Written, "POST", f"/collections/{name}/add", **rows)
    client.ask(answers.Written, "POST", f"/collections/{name}/add", embeddings=[vector])
    assert sorted(str(item.document)[:4] for item in stored(client, name).values()) == ["None", "b", "kept"]
    message = client.refused(400, f"/collections/{name}/upsert", {"embeddings": [[1.0, 2.0]]})
    assert re.search(r"embeddings\[0\] has 2 numbers, .* takes 384", message)


def test_chroma_clients_and_text_routes_see_the_same(shared: Running, client: Client, name: str) -> None:
    metadata = {"big": 2**62, "whole": 1.0, "list": ["a", "b"], "yes": True}
    client.ask(answers.Written, "POST", f"/collections/{name}/add", documents=["x"], ids=["x"], metadatas=[metadata])
    wire = shared.chroma().get_collection(name)
    assert wire.get()["metadatas"] == [metadata]
    assert wire.configuration["hnsw"]["space"] == "cosine"
    wire.add(ids=["y"], documents=["from the client"], embeddings=[[0.5] * 384])
    seen = stored(client, name)
    assert seen["y"].document == "from the client"
    assert seen["x"].metadata == metadata
    assert isinstance(seen["x"].metadata["whole"], float)


def test_texts_do_not_fit_a_collection_of_another_dimension(shared: Running, client: Client) -> None:
    shared.chroma().create_collection("three").add(ids=["a"], embeddings=[[1.0, 2.0, 3.0]])
    for path, body in (("add", {"documents": ["x"]}), ("query", {"query_texts": ["x"]})):
        message = client.refused(400, f"/collections/three/{path}", body)
        assert "holds vectors of dimension 3, and the store's model makes 384" in message
    client.ask(answers.Written, "POST", "/collections/three/add", embeddings=[[3.0, 2.0, 1.0]])


def test_a_store_without_a_model_takes_vectors_only(start: Start) -> None:
    client = Client(start(MODEL_NAME="none", DIMENSION="3").http())
    client.ask(answers.Collection, "POST", "/collections/create", name="mine")
    for path, body in (
        ("/embed/", {"documents": ["x"]}),
        ("/add", {"text": "x"}),
        ("/collections/mine/add", {"documents": ["x"]}),
        ("/collections/mine/query", {"query_texts": ["x"]}),
    ):
        assert "send embeddings" in client.refused(400, path, body)
    client.ask(answers.Written, "POST", "/collections/mine/add", embeddings=[[1.0, 0, 0]], documents=["x"], ids=["a"])
    assert stored(client, "mine")["a"].document == "x"
    assert client.ask(answers.Stats, "GET", "/stats").model == "none"
    assert "takes 3" in client.refused(400, "/collections/mine/add", {"embeddings": [[1.0]]})


BAD_ROWS: dict[str, tuple[int, dict[str, Any], str]] = {
    "duplicate ids": (422, {"documents": ["a", "b"], "ids": ["x", "x"]}, "ids: 'x' is there more than once"),
    "empty id": (422, {"documents": ["a"], "ids": [""]}, r"ids\[0\]: .* at least 1 character, not ''"),
    "blank text": (422, {"documents": ["a", " "]}, r"documents\[1\]: ' ' is an empty text"),
    "no documents": (422, {"documents": []}, "documents: .* at least 1 item"),
    "lengths": (422, {"documents": ["a"], "ids": ["x", "y"]}, "2 ids, 1 documents; send one of each"),
    "metadata object": (422, {"documents": ["a"], "metadatas": [{"k": {"n": 1}}]}, r"metadatas\[0\]: 'k': must be a"),
    "metadata null": (422, {"documents": ["a"], "metadatas": [{"k": None}]}, "'k': null cannot be stored"),
    "metadata mixed": (422, {"documents": ["a"], "metadatas": [{"k": [1, "x"]}]}, "'k': a list must hold only"),
    "metadata large": (422, {"documents": ["a"], "metadatas": [{"k": 1 << 63}]}, "'k': 9223372036854775808 does not"),
    "metadata reserved": (422, {"documents": ["a"], "metadatas": [{"chroma:document": "x"}]}, "is reserved"),
    "unknown field": (422, {"documents": ["a"], "id": "x"}, "id: not a field of this route; leave it out"),
    "wrong type": (422, {"documents": "a"}, "documents: .* valid list, not 'a'"),
    "too long": (400, {"documents": ["a", "word " * 300]}, r"text 1 .* has 302 tokens, .* reads 256 tokens"),
    "too many": (413, {"documents": ["a"] * 5462}, "5462 documents in one request, and 5461 are allowed"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_are_refused_and_nothing_is_written(client: Client, case: str) -> None:
    status, body, message = BAD_ROWS[case]
    client.ask(answers.Written, "POST", "/embed/", documents=["always there"], ids=["first"])
    before = client.ask(answers.Stats, "GET", "/stats").documents
    for path in ("/embed/", "/collections/documents/upsert"):
        assert re.search(message, client.refused(status, path, body))
    assert client.ask(answers.Stats, "GET", "/stats").documents == before


BAD_BODIES: dict[str, tuple[str, int, bytes | Any, str]] = {
    "not json": ("/embed/", 400, b'{"documents": ["a"', "the body is not JSON: "),
    "not a number": ("/collections/a/add", 400, b'{"embeddings": [[NaN]]}', "the body is not JSON: "),
    "not utf-8": ("/embed/", 400, b'{"documents": ["\xff"]}', "the body is not JSON: "),
    "half a character": ("/embed/", 400, b'{"documents": ["\\ud800"]}', "the body is not JSON: "),
    "too deep": ("/embed/", 400, b"[" * 100_000, "the body is not JSON: "),
    "a list": ("/embed/", 422, [], "valid dictionary"),
    "no body": ("/embed/", 415, b"", "send application/json"),
    "float too large": ("/collections/documents/add", 422, {"embeddings": [[1e39]]}, r"embeddings\[0\]\[0\]: "),
    "number as text": (
        "/collections/documents/add",
        422,
        {"embeddings": [["1"]]},
        r"embeddings\[0\]\[0\]: .*, not '1'",
    ),
    "neither": ("/collections/documents/add", 422, {}, "documents: missing, and so are embeddings"),
    "no results": ("/search/", 422, {"query": "x", "n_results": 0}, "n_results: .* greater than or equal to 1, not 0"),
    "many results": ("/query", 422, {"query_text": "x", "k": 10_001}, "k: .* less than or equal to 10000"),
    "blank question": ("/search/", 422, {"query": ""}, "query: '' is an empty text"),
    "many rows": ("/collections/documents/get", 422, {"limit": 1 << 32}, "limit: .* less than or equal to 4294967295"),
    "bad where": ("/search/", 400, {"query": "x", "where": {"a": {"$foo": 1}}}, r"where clause: .*\$gte.*\$and"),
    "delete all": ("/collections/documents/delete", 422, {}, "ids: missing, and so is where"),
    "delete nothing": ("/delete/", 422, {"ids": []}, "ids: .* at least 1 item"),
    "short name": ("/collections/create", 400, {"name": "ab"}, "3-512 characters"),
    "long name": ("/collections/create", 400, {"name": "a" * 513}, "3-512 characters"),
    "unknown": ("/collections/unknown/query", 404, {"query_texts": ["x"]}, "'unknown' does not exist"),
    "no text": ("/add", 422, {"reasoning": 5}, "text: missing, and 'reasoning' is not a text either, but 5"),
    "twice": ("/add", 422, {"text": "x", "a": 1, "metadata": {"a": 2}}, r"metadata\.a: is a field of the object"),
    "nested": ("/add", 422, {"text": "x", "a": {"b": 1}}, "'a': must be a string"),
    "no route": ("/nowhere", 404, {}, "POST /nowhere is not a route of this store; /docs lists them"),
    "no method": ("/stats", 405, {}, "POST /stats: the route has another method"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bad_bodies_are_refused_with_what_to_do(client: Client, case: str) -> None:
    path, status, body, message = BAD_BODIES[case]
    client.ask(answers.Written, "POST", "/embed/", documents=["always there"], ids=["first"])
    if isinstance(body, bytes):
        reply = client.http.post(path, content=body, headers={"content-type": "application/json"} if body else {})
        assert reply.status_code == status, reply.text
        told = answers.Error.model_validate_json(reply.content).message
    else:
        told = client.refused(status, path, body)
    assert re.search(message, told), told
    assert "Traceback" not in told


def test_a_body_that_is_too_large_is_refused(start: Start, tmp_path: Any) -> None:
    (tmp_path / "limits.json").write_text('{"max_body_bytes": 1024}')
    client = Client(start(LIMITS_FILE=str(tmp_path / "limits.json")).http())
    assert "1024 are allowed" in client.refused(413, "/embed/", {"documents": ["x" * 2000]})
    reply = client.http.post(
        "/embed/", content=iter([b'{"documents": ["', b"x" * 2000]), headers={"content-type": "application/json"}
    )
    assert reply.status_code == 413


def test_the_quota_holds_on_every_route(start: Start) -> None:
    client = Client(start(MAX_DOCS="2").http())
    client.ask(answers.Written, "POST", "/embed/", documents=["a", "b"], ids=["a", "b"])
    client.ask(answers.Collection, "POST", "/collections/create", name="more")
    for path, body in (
        ("/embed/", {"documents": ["c"]}),
        ("/add", {"text": "c"}),
        ("/collections/more/add", {"documents": ["c"]}),
        ("/collections/more/upsert", {"documents": ["c"], "ids": ["c"]}),
    ):
        assert "2" in client.refused(429, path, body)
    client.ask(answers.Written, "POST", "/embed/", documents=["a again"], ids=["a"])
    assert client.ask(answers.Stats, "GET", "/stats").documents == 2


def test_a_slash_more_or_less_makes_no_difference(client: Client) -> None:
    client.ask(answers.Written, "POST", "/embed", documents=["a"])
    client.ask(answers.Found, "POST", "/search", query="a")
    client.ask(answers.Deleted, "POST", "/delete", ids=["a"])
    client.ask(answers.Found, "POST", "/query/", query_text="a")
    client.ask(answers.Collections, "GET", "/collections/")
    client.ask(answers.FoundEach, "POST", "/collections/documents/query/", query_texts=["a"])
    client.ask(answers.Health, "GET", "/healthz")


def test_health_says_more_to_who_has_a_key(shared: Running, client: Client) -> None:
    with shared.http(key=None) as http:
        assert http.get("/healthz/").json() == {"status": "ok"}
        assert http.get("/stats").status_code == 401
        assert http.get("/").json()["docs"] == "/docs"
    told = client.ask(answers.Health, "GET", "/healthz/")
    assert (told.tenant, told.model, told.dimension) == ("acme", "all-MiniLM-L6-v2", 384)
    assert told.limits is not None
    assert told.usage is not None


def test_a_read_only_key_asks_and_does_not_write(shared: Running, client: Client, name: str) -> None:
    fill(client, name)
    reader = Client(shared.http("read-only"))
    reader.ask(answers.Found, "POST", "/search/", query="x")
    reader.ask(answers.Found, "POST", "/query/", query_text="x")
    reader.ask(answers.FoundEach, "POST", f"/collections/{name}/query/", query_texts=["x"])
    reader.ask(answers.Documents, "POST", f"/collections/{name}/get", ids=IDS)
    for path in ("/embed/", "/delete/", "/add", "/collections/create", f"/collections/{name}/upsert"):
        assert "may only read" in reader.refused(403, path, {})
    assert reader.http.delete(f"/collections/{name}").status_code == 403


def test_the_documentation_is_served_from_here(shared: Running) -> None:
    with shared.http(key=None) as http:
        page = http.get("/docs").text
        linked = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(r"url: '([^']+)'", page)
        assert len(linked) == 4
        assert all(link.startswith("/") and http.get(link).status_code == 200 for link in linked)
        assert "https://" not in page


def test_the_schema_lists_each_route_with_an_example_and_a_key(shared: Running) -> None:
    with shared.http(key=None) as http:
        schema = http.get("/openapi.json").json()
    assert set(schema["components"]["securitySchemes"]) == {"Bearer", "X-Chroma-Token"}
    routes = {f"{method.upper()} {path}": how for path, ways in schema["paths"].items() for method, how in ways.items()}
    assert sorted(routes) == sorted(
        [
            *("GET /", "GET /healthz/", "GET /stats", "POST /embed/", "POST /search/", "POST /delete/"),
            *("POST /add", "POST /query", "POST /collections/create", "GET /collections"),
            "DELETE /collections/{name}",
            *(f"POST /collections/{{name}}/{verb}" for verb in ("add", "upsert", "delete", "get", "query")),
            *("GET /api/v1/database", "POST /api/v1/database/create", "DELETE /api/v1/database/{id}"),
            *(f"{how} /api/v1/database/{{id}}/{verb}" for how, verb in OF_DATABASES),
        ]
    )
    for route, how in routes.items():
        assert route == "GET /" or how["security"] == [{"Bearer": []}, {"X-Chroma-Token": []}]
        assert how["description"]
        assert "4XX" in how["responses"]
        assert "422" not in how["responses"]
        if "requestBody" in how:
            body = how["requestBody"]["content"]["application/json"]["schema"]
            named = body.get("$ref", "").rpartition("/")[2]
            assert schema["components"]["schemas"].get(named, body)["example"]


def test_the_examples_of_the_documentation_work_as_they_are(fresh: Client) -> None:
    schema = fresh.http.get("/openapi.json").json()

    def example(path: str) -> Any:
        body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        return schema["components"]["schemas"][body.rpartition("/")[2]]["example"]

    made = example("/collections/create")["name"]
    verbs = ("add", "upsert", "get", "query", "delete")
    paths = ("/embed/", "/search/", "/add", "/query", "/delete/", "/collections/create")
    for path in (*paths, *(f"/collections/{{name}}/{verb}" for verb in verbs)):
        reply = fresh.http.post(path.format(name=made), json=example(path))
        assert reply.status_code == 200, f"{path}: {reply.text}"
        assert "results" not in reply.json() or reply.json()["results"], path


def test_of_adds_of_one_id_at_the_same_time_one_is_acknowledged(shared: Running) -> None:
    with shared.http() as http:
        http.post("/collections/create", json={"name": "race"}).raise_for_status()

        def add(number: int) -> int:
            body = {"ids": ["same"], "documents": [f"text {number}"]}
            return http.post("/collections/race/add", json=body).status_code

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(add, range(6))) == [200] + [409] * 5
