"""chroma-haystack on a store; the key goes by Chroma's token provider, for there is no place for headers."""

from __future__ import annotations

from typing import Any

import chromadb.errors
import pytest
from haystack import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.retrievers.chroma import ChromaEmbeddingRetriever
from haystack_integrations.document_stores.chroma import ChromaDocumentStore
from tests.support.instances import Running

SUN = Document(id="sun", content="The sun shines.", embedding=[1.0, 0.0], meta={"sky": "clear", "degrees": 25})
RAIN = Document(id="rain", content="It rains.", embedding=[0.6, 0.8], meta={"sky": "grey", "degrees": 12})
SNOW = Document(id="snow", content="It snows.", embedding=[0.0, 1.0], meta={"sky": "grey", "tags": ["cold", "white"]})


def connect(store: Running, key: str = "read-write", **more: Any) -> ChromaDocumentStore:
    settings = {
        "chroma_client_auth_provider": "chromadb.auth.token_authn.TokenAuthClientProvider",
        "chroma_client_auth_credentials": store.key(key),
    }
    return ChromaDocumentStore(
        "articles", host="127.0.0.1", port=store.port, client_settings=settings | more, distance_function="cosine"
    )


@pytest.fixture
def articles(store: Running) -> ChromaDocumentStore:
    articles = connect(store)
    assert articles.write_documents([SUN, RAIN, SNOW]) == 3
    return articles


def where(field: str, operator: str, value: object) -> dict[str, Any]:
    return {"field": f"meta.{field}", "operator": operator, "value": value}


def ids(documents: list[Document]) -> list[str]:
    return sorted(document.id for document in documents)


def test_a_retriever_finds_the_nearest_documents_whole(articles: ChromaDocumentStore) -> None:
    found = ChromaEmbeddingRetriever(articles, top_k=2).run(query_embedding=[1.0, 0.0])["documents"]
    assert [document.id for document in found] == ["sun", "rain"]
    assert (found[0].content, found[0].meta, found[0].embedding) == (SUN.content, SUN.meta, SUN.embedding)
    assert found[0].score == pytest.approx(0, abs=1e-6)
    grey = ChromaEmbeddingRetriever(articles, filters=where("sky", "==", "grey"), top_k=1)
    assert ids(grey.run(query_embedding=[1.0, 0.0])["documents"]) == ["rain"]


def test_documents_are_filtered_and_counted(articles: ChromaDocumentStore) -> None:
    assert articles.count_documents() == 3
    assert ids(articles.filter_documents(where("degrees", ">", 20))) == ["sun"]
    assert ids(articles.filter_documents(where("sky", "in", ["grey", "black"]))) == ["rain", "snow"]
    both = {"operator": "AND", "conditions": [where("sky", "==", "grey"), where("degrees", "<=", 12)]}
    assert ids(articles.filter_documents(both)) == ["rain"]
    assert ids(articles.filter_documents({"field": "content", "operator": "contains", "value": "snow"})) == ["snow"]
    assert articles.get_metadata_field_min_max("degrees") == {"min": 12, "max": 25}


def test_what_is_written_again_goes_by_the_policy(articles: ChromaDocumentStore) -> None:
    warmer = Document(id="rain", content="It rains less.", embedding=[0.6, 0.8], meta={"sky": "grey"})
    with pytest.raises(DuplicateDocumentError):
        articles.write_documents([warmer])
    assert articles.write_documents([warmer], policy=DuplicatePolicy.SKIP) == 0
    assert articles.write_documents([warmer], policy=DuplicatePolicy.OVERWRITE) == 1
    assert articles.search_embeddings([[0.6, 0.8]], top_k=1)[0][0].content == "It rains less."


def test_documents_are_updated_and_deleted(articles: ChromaDocumentStore) -> None:
    assert articles.update_by_filter(where("sky", "==", "grey"), {"sky": "dark"}) == 2
    assert ids(articles.filter_documents(where("sky", "==", "dark"))) == ["rain", "snow"]
    articles.delete_documents(["sun"])
    assert articles.delete_by_filter(where("degrees", "==", 12)) == 1
    assert ids(articles.filter_documents()) == ["snow"]
    articles.delete_all_documents()
    assert articles.count_documents() == 0


async def test_asynchronous_methods(articles: ChromaDocumentStore, store: Running) -> None:
    # They leave out the token provider: the key has to be in the address.
    same = ChromaDocumentStore("articles", host=f"http://any:{store.key()}@127.0.0.1:{store.port}", port=store.port)
    fog = Document(id="fog", content="It is foggy.", embedding=[0.5, 0.5])
    assert await same.write_documents_async([fog]) == 1
    assert await same.count_documents_async() == 4
    assert [document.id for document in (await same.search_embeddings_async([[0.5, 0.5]], top_k=1))[0]] == ["fog"]
    await same.delete_documents_async(["fog"])
    assert articles.count_documents() == 3


def test_the_key_may_go_as_chromas_own_header(store: Running, articles: ChromaDocumentStore) -> None:
    assert connect(store, chroma_auth_token_transport_header="X-Chroma-Token").count_documents() == 3


def test_refusals_are_raised(store: Running, articles: ChromaDocumentStore) -> None:
    reader = connect(store, "read-only")
    assert reader.count_documents() == 3
    with pytest.raises(chromadb.errors.ChromaAuthError, match="may only read"):
        reader.delete_documents(["sun"])
    with pytest.raises(chromadb.errors.AuthorizationError, match="key"):
        connect(store, "admin").count_documents()
