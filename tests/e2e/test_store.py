"""The main job: a short manifest becomes a server that answers questions about a real corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import chromadb
import pytest
from langchain_chroma import Chroma
from langchain_core.embeddings import DeterministicFakeEmbedding
from tests.e2e.chart import Chart
from tests.e2e.cluster import Cluster, run
from tests.e2e.corpus import passages
from tests.e2e.pods import Client, gate
from tests.e2e.stores import Store

EXAMPLES = Path(__file__).parents[2] / "examples"
CORPUS = passages(most=300)
QUESTION = "How do I handle an exception that a block of code raises?"


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return Store(cluster, "acme", plan=None)


@pytest.fixture(scope="module")
def port(cluster: Cluster, store: Store) -> Iterator[int]:
    """A port of this machine that leads through the store's Service."""
    with gate(cluster, "gate", f"acme.{cluster.namespace}.svc", 8000) as port:
        yield port


@pytest.fixture(scope="module")
def loaded(store: Store, client: Client) -> Store:
    """The store with the corpus, embedded by the server."""
    items = iter(CORPUS.items())
    while batch := dict(islice(items, 100)):
        body = {"documents": list(batch.values()), "ids": list(batch)}
        assert store.ask(client, "POST", "/embed/", body)["count"] == len(batch)
    return store


@pytest.fixture(scope="module")
def http_client(loaded: Store, port: int) -> chromadb.ClientAPI:
    return chromadb.HttpClient(host="127.0.0.1", port=port, headers={"x-chroma-token": loaded.key()})


def test_a_store_without_a_plan_has_the_default_one(cluster: Cluster, store: Store) -> None:
    assert cluster.get("vst", store.name)["status"]["plan"] == "starter"
    assert cluster.condition("vst/acme", "Accepted")["status"] == "True"


def test_every_example_is_taken_by_the_api_server(chart: Chart) -> None:
    taken = chart.cluster.kubectl("apply", "--dry-run=server", "-f", str(EXAMPLES)).splitlines()
    assert len(taken) == sum(path.read_text().count("apiVersion:") for path in EXAMPLES.glob("*.yaml"))


def test_kubectl_get_shows_what_matters(cluster: Cluster, store: Store) -> None:
    header, row = cluster.kubectl("get", "vst", "acme").splitlines()
    for word in ("starter", "True", store.url):
        assert word in row, f"{header}\n{row}"


def test_the_corpus_is_searched_by_meaning_through_the_service(loaded: Store, client: Client) -> None:
    results = loaded.ask(client, "POST", "/search/", {"query": QUESTION, "n_results": 5})["results"]
    assert any(found["id"].startswith(("try-", "exceptions-", "raise-")) for found in results), results
    assert results[0]["document"] == CORPUS[results[0]["id"]]
    assert loaded.ask(client, "GET", "/stats")["documents"] == len(CORPUS)


def test_curl_finds_the_same(loaded: Store, client: Client, port: int) -> None:
    body = {"query": QUESTION, "n_results": 5}
    headers = ("-H", f"Authorization: Bearer {loaded.key()}", "-H", "Content-Type: application/json")
    printed = run("curl", "-sS", "--fail", *headers, "-d", json.dumps(body), f"http://127.0.0.1:{port}/search/")
    assert json.loads(printed) == loaded.ask(client, "POST", "/search/", body)


def test_an_unmodified_http_client_sees_the_same_data(http_client: chromadb.ClientAPI) -> None:
    collection = http_client.get_collection("documents")
    assert collection.count() == len(CORPUS)
    some = list(CORPUS)[7]
    vector = collection.get(ids=[some], include=["embeddings"])["embeddings"][0]
    found = collection.query(query_embeddings=[vector], n_results=3)
    assert found["ids"][0][0] == some
    assert found["documents"][0][0] == CORPUS[some]


def test_langchain_adds_and_finds_texts(http_client: chromadb.ClientAPI) -> None:
    texts = list(islice(CORPUS.values(), 20))
    store = Chroma("langchain", DeterministicFakeEmbedding(size=384), client=http_client)
    store.add_texts(texts)
    for text in texts[:3]:
        assert store.similarity_search(text, k=1)[0].page_content == text
