"""chromadb's own clients, one after the other and at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import chromadb
import chromadb.errors
import pytest
from chromadb.api import AsyncClientAPI
from tests.integration.clients.conftest import MOST_DOCUMENTS, MOST_ROWS
from tests.support.instances import Running

VECTORS = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
ROWS: dict[str, Any] = {
    "ids": ["a", "b", "c"],
    "embeddings": VECTORS,
    "documents": ["one red apple", "two green pears", "three red plums"],
    "metadatas": [
        {"n": 1, "price": 0.5, "ripe": True, "tags": ["red", "round"], "sizes": [1, 2]},
        {"n": 2, "price": 1.5, "ripe": False, "tags": ["green"]},
        {"n": 3, "price": 2.5, "ripe": True, "tags": ["red"], "weights": [0.5, 1.5]},
    ],
    "uris": ["file:///a", "file:///b", "file:///c"],
}
FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"where": {"n": 2}}, ["b"]),
    ({"where": {"$and": [{"n": {"$gte": 2}}, {"price": {"$lt": 2}}]}}, ["b"]),
    ({"where": {"$or": [{"ripe": False}, {"n": {"$in": [3, 9]}}]}}, ["b", "c"]),
    ({"where": {"tags": {"$contains": "red"}}}, ["a", "c"]),
    ({"where": {"tags": {"$not_contains": "red"}}}, ["b"]),
    ({"where": {"n": {"$nin": [1, 2]}}}, ["c"]),
    ({"where_document": {"$contains": "red"}}, ["a", "c"]),
    ({"where_document": {"$regex": "^t"}}, ["b", "c"]),
    ({"where_document": {"$and": [{"$contains": "red"}, {"$not_contains": "apple"}]}}, ["c"]),
    ({"where": {"ripe": True}, "where_document": {"$not_regex": "plum"}}, ["a"]),
]


@pytest.fixture
def client(store: Running) -> chromadb.ClientAPI:
    return store.chroma()


@pytest.fixture
def fruit(client: chromadb.ClientAPI) -> chromadb.Collection:
    fruit = client.create_collection("fruit", embedding_function=None)
    fruit.add(**ROWS)
    return fruit


def test_everything_that_was_added_comes_back(fruit: chromadb.Collection) -> None:
    everything = fruit.get(include=["embeddings", "documents", "metadatas", "uris"])
    assert everything["ids"] == ROWS["ids"]
    assert everything["embeddings"].tolist() == VECTORS
    assert [everything[column] for column in ("documents", "metadatas", "uris")] == [
        ROWS[column] for column in ("documents", "metadatas", "uris")
    ]
    assert fruit.count() == 3
    assert fruit.peek(limit=2)["ids"] == ["a", "b"]
    assert fruit.get(limit=1, offset=1)["ids"] == ["b"]


@pytest.mark.parametrize(("filters", "ids"), FILTERS)
def test_filters_hold_in_get_and_in_query(fruit: chromadb.Collection, filters: dict[str, Any], ids: list[str]) -> None:
    assert fruit.get(**filters)["ids"] == ids
    assert sorted(fruit.query(query_embeddings=[[1, 1, 1]], n_results=3, **filters)["ids"][0]) == ids


def test_a_query_of_two_vectors_gets_two_answers_with_all_columns(fruit: chromadb.Collection) -> None:
    found = fruit.query(
        query_embeddings=[[0.9, 0, 0], [0, 0, 0.9]],
        n_results=1,
        include=["embeddings", "documents", "metadatas", "uris", "distances"],
    )
    assert found["ids"] == [["a"], ["c"]]
    assert found["documents"] == [["one red apple"], ["three red plums"]]
    assert found["metadatas"] == [[ROWS["metadatas"][0]], [ROWS["metadatas"][2]]]
    assert found["uris"] == [["file:///a"], ["file:///c"]]
    assert found["distances"] == [[pytest.approx(0.01)], [pytest.approx(0.01)]]
    assert [[vector.tolist() for vector in each] for each in found["embeddings"]] == [[VECTORS[0]], [VECTORS[2]]]
    assert fruit.query(query_embeddings=[[1, 1, 1]], ids=["b"])["ids"] == [["b"]]


def test_updates_upserts_and_deletes_are_seen(fruit: chromadb.Collection) -> None:
    fruit.update(ids=["a"], documents=["no apple"], metadatas=[{"n": 10, "tags": ["eaten"]}], embeddings=VECTORS[:1])
    changed = fruit.get(ids=["a"])
    assert changed["documents"] == ["no apple"]
    assert changed["metadatas"] == [ROWS["metadatas"][0] | {"n": 10, "tags": ["eaten"]}]
    fruit.upsert(ids=["c", "d"], embeddings=[[0, 0, 5], [5, 5, 5]], documents=["c", "d"])
    assert fruit.query(query_embeddings=[[5, 5, 5]], n_results=1)["ids"] == [["d"]]
    fruit.delete(ids=["d", "unknown"])
    fruit.delete(where={"n": {"$gt": 5}})
    fruit.delete(where_document={"$contains": "green"})
    assert fruit.get()["ids"] == ["c"]


def test_collections_are_made_configured_renamed_listed_and_deleted(client: chromadb.ClientAPI) -> None:
    configuration: Any = {"hnsw": {"space": "cosine", "ef_construction": 50, "ef_search": 20, "max_neighbors": 8}}
    made = client.create_collection("made", metadata={"of": "us"}, configuration=configuration)
    assert client.get_or_create_collection("made").id == made.id
    with pytest.raises(chromadb.errors.ChromaError, match="already exists"):
        client.create_collection("made")
    hnsw = client.get_collection("made").configuration_json["hnsw"]
    assert hnsw | configuration["hnsw"] == hnsw

    made.modify(name="renamed", metadata={"of": "them"}, configuration={"hnsw": {"ef_search": 33}})
    again = client.get_collection("renamed")
    assert (again.id, again.metadata) == (made.id, {"of": "them"})
    assert again.configuration_json["hnsw"]["ef_search"] == 33

    client.create_collection("another")
    assert sorted(each.name for each in client.list_collections()) == ["another", "renamed"]
    assert len(client.list_collections(limit=1, offset=1)) == 1
    assert client.count_collections() == 2
    client.delete_collection("renamed")
    with pytest.raises(chromadb.errors.NotFoundError):
        client.get_collection("renamed")
    with pytest.raises(chromadb.errors.NotFoundError):
        made.count()


def test_the_client_itself_refuses_a_batch_above_what_the_store_announces(
    store: Running, client: chromadb.ClientAPI
) -> None:
    assert client.get_max_batch_size() == MOST_ROWS
    many = client.create_collection("many")
    ids = [f"row {n}" for n in range(MOST_ROWS + 1)]
    with pytest.raises(ValueError, match=str(MOST_ROWS)):
        many.add(ids=ids, embeddings=[[1.0]] * len(ids))
    many.add(ids=ids[:-1], embeddings=[[1.0]] * MOST_ROWS)
    assert many.count() == MOST_ROWS


def test_refusals_are_raised_as_chromas_own_classes(store: Running, client: chromadb.ClientAPI) -> None:
    with pytest.raises(chromadb.errors.AuthorizationError, match="key"):
        chromadb.HttpClient("127.0.0.1", store.port, headers={"x-chroma-token": "unknown"}).list_collections()
    with pytest.raises(chromadb.errors.ChromaAuthError, match="may only read"):
        store.chroma("read-only").create_collection("mine")
    full = client.create_collection("full")
    full.add(ids=["a"], embeddings=[[1, 0]])
    with pytest.raises(chromadb.errors.InvalidArgumentError, match="dimension"):
        full.add(ids=["b"], embeddings=[[1, 0, 0]])
    with pytest.raises(chromadb.errors.InvalidArgumentError, match="hundred"):
        full.get(where_document={"$regex": "hundred("})
    for start in range(0, MOST_DOCUMENTS, MOST_ROWS):
        batch = [f"{n}" for n in range(start, start + MOST_ROWS)]
        if start + MOST_ROWS < MOST_DOCUMENTS:
            full.add(ids=batch, embeddings=[[1, 0]] * MOST_ROWS)
            continue
        with pytest.raises(chromadb.errors.QuotaError, match=f"{MOST_DOCUMENTS}"):
            full.add(ids=batch, embeddings=[[1, 0]] * MOST_ROWS)
    assert full.count() == MOST_DOCUMENTS - MOST_DOCUMENTS % MOST_ROWS + 1
    assert client.heartbeat() > 0


def test_an_administrators_client_makes_and_deletes_databases(store: Running) -> None:
    admin = chromadb.AdminClient(
        chromadb.Settings(
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host="127.0.0.1",
            chroma_server_http_port=store.port,
            chroma_server_headers={"x-chroma-token": store.key()},
        )
    )
    admin.create_database("branch")
    assert "branch" in [each["name"] for each in admin.list_databases()]
    assert admin.get_tenant("default_tenant")["name"] == "default_tenant"
    branch = chromadb.HttpClient("127.0.0.1", store.port, headers={"x-chroma-token": store.key()}, database="branch")
    branch.create_collection("there").add(ids=["x"], embeddings=[[1, 2]])
    assert [each.name for each in branch.list_collections()] == ["there"]
    assert store.chroma().list_collections() == []
    admin.delete_database("branch")
    with pytest.raises(chromadb.errors.NotFoundError):
        admin.get_database("branch")


def test_texts_that_the_store_embedded_are_read_by_the_client(store: Running, client: chromadb.ClientAPI) -> None:
    with store.http() as http:
        body = {"documents": ["The weather is lovely.", "He drove home."], "ids": ["sun", "car"]}
        assert http.post("/embed/", json=body).status_code == 200
        texts = client.get_collection("documents", embedding_function=None)
        stored = texts.get(include=["embeddings", "documents"])
        assert stored["documents"] == body["documents"]
        assert texts.query(query_embeddings=[stored["embeddings"][1]], n_results=1)["ids"] == [["car"]]
        texts.delete(ids=["car"])
        assert [each["id"] for each in http.post("/search/", json={"query": "driving"}).json()["results"]] == ["sun"]


async def test_the_asynchronous_client_does_the_same_round(store: Running) -> None:
    client = await connect(store, "read-write")
    fruit = await client.create_collection("fruit", embedding_function=None)
    await fruit.add(**ROWS)
    assert (await fruit.get(include=["documents", "metadatas"]))["metadatas"] == ROWS["metadatas"]
    assert (await fruit.peek(limit=1))["ids"] == ["a"]
    answers = await asyncio.gather(
        *(fruit.query(query_embeddings=[[1, 1, 1]], n_results=3, **filters) for filters, _ in FILTERS)
    )
    assert [sorted(answer["ids"][0]) for answer in answers] == [ids for _, ids in FILTERS]
    await asyncio.gather(*(fruit.upsert(ids=[f"more {n}"], embeddings=[[n, 0, 0]]) for n in range(10)))
    assert await fruit.count() == 13
    await fruit.update(ids=["a"], documents=["no apple"], embeddings=VECTORS[:1])
    await fruit.delete(ids=[f"more {n}" for n in range(10)])
    await fruit.delete(where={"n": 3})
    assert (await fruit.get())["documents"] == ["no apple", "two green pears"]
    await fruit.modify(name="renamed")
    assert [each.name for each in await client.list_collections()] == ["renamed"]
    assert (await client.get_or_create_collection("renamed")).id == fruit.id
    with pytest.raises(ValueError, match=str(MOST_ROWS)):
        await fruit.add(ids=[f"{n}" for n in range(MOST_ROWS + 1)], embeddings=[[1, 0, 0]] * (MOST_ROWS + 1))
    await client.delete_collection("renamed")
    with pytest.raises(chromadb.errors.NotFoundError):
        await fruit.count()


async def test_the_asynchronous_client_raises_chromas_classes(store: Running) -> None:
    store.chroma().create_collection("there").add(ids=["a"], embeddings=[[1, 0]])
    reader = await (await connect(store, "read-only")).get_collection("there")
    assert await reader.count() == 1
    with pytest.raises(chromadb.errors.ChromaAuthError, match="may only read"):
        await reader.delete(ids=["a"])


async def test_a_key_in_the_address_is_each_asynchronous_clients_own(store: Running) -> None:
    # Asynchronous clients of one event loop share the headers of the first: chromadb's AsyncFastAPI._clients.
    store.chroma().create_collection("there")
    there = {}
    for name in ("read-only", "read-write"):
        client = await chromadb.AsyncHttpClient(f"http://any:{store.key(name)}@127.0.0.1:{store.port}")
        there[name] = await client.get_collection("there", embedding_function=None)
    with pytest.raises(chromadb.errors.ChromaAuthError, match="may only read"):
        await there["read-only"].add(ids=["a"], embeddings=[[1]])
    await there["read-write"].add(ids=["a"], embeddings=[[1]])


async def connect(store: Running, key: str) -> AsyncClientAPI:
    return await chromadb.AsyncHttpClient("127.0.0.1", store.port, headers={"x-chroma-token": store.key(key)})
