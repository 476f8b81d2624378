"""langchain-chroma on a store."""

from __future__ import annotations

import chromadb.errors
import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from tests.support.instances import Running

MARCH = Document("The invoice of March is paid.", metadata={"month": 3, "tags": ["paid"]})
APRIL = Document("The invoice of April is open.", metadata={"month": 4, "tags": ["open", "late"]})
MAY = Document("The invoice of May is open.", metadata={"month": 5, "tags": ["open"]})


@pytest.fixture
def invoices(store: Running) -> Chroma:
    invoices = Chroma(
        collection_name="invoices",
        embedding_function=DeterministicFakeEmbedding(size=16),
        host="127.0.0.1",
        port=store.port,
        headers={"x-chroma-token": store.key()},
        collection_configuration={"hnsw": {"space": "cosine"}},
    )
    invoices.add_documents([MARCH, APRIL, MAY], ids=["march", "april", "may"])
    return invoices


def texts(documents: list[Document]) -> list[str]:
    return [document.page_content for document in documents]


def test_a_text_finds_itself_first_and_at_distance_nought(invoices: Chroma) -> None:
    (found, distance), *others = invoices.similarity_search_with_score(APRIL.page_content, k=3)
    assert (found.page_content, found.metadata, found.id) == (APRIL.page_content, APRIL.metadata, "april")
    assert distance == pytest.approx(0, abs=1e-5)
    assert len(others) == 2
    assert all(further > distance for _, further in others)
    (_, relevance), *_ = invoices.similarity_search_with_relevance_scores(APRIL.page_content, k=1)
    assert relevance == pytest.approx(1, abs=1e-5)


def test_filters_by_metadata_and_by_text(invoices: Chroma) -> None:
    assert texts(invoices.similarity_search("any", k=3, filter={"month": {"$lt": 4}})) == [MARCH.page_content]
    assert len(invoices.similarity_search("any", k=3, filter={"tags": {"$contains": "open"}})) == 2
    assert texts(invoices.similarity_search("any", k=3, where_document={"$contains": "May"})) == [MAY.page_content]
    assert invoices.get(where={"month": 4})["ids"] == ["april"]
    assert texts(invoices.get_by_ids(["may", "june"])) == [MAY.page_content]


def test_marginal_relevance_and_a_retriever(invoices: Chroma) -> None:
    found = invoices.max_marginal_relevance_search(MAY.page_content, k=2, fetch_k=3)
    assert found[0].page_content == MAY.page_content
    retriever = invoices.as_retriever(search_kwargs={"k": 1, "filter": {"month": 3}})
    assert texts(retriever.invoke("any")) == [MARCH.page_content]


def test_documents_are_updated_and_deleted(invoices: Chroma) -> None:
    invoices.update_document("march", Document("The invoice of March is void.", metadata={"month": 3}))
    assert texts(invoices.get_by_ids(["march"])) == ["The invoice of March is void."]
    invoices.delete(ids=["march"])
    assert invoices.get()["ids"] == ["april", "may"]
    invoices.reset_collection()
    assert invoices.get()["ids"] == []
    invoices.delete_collection()


async def test_asynchronous_methods(invoices: Chroma) -> None:
    await invoices.aadd_texts(["A note."], ids=["note"])
    assert texts(await invoices.asimilarity_search("A note.", k=1)) == ["A note."]
    await invoices.adelete(ids=["note"])


def test_a_read_only_key_searches_and_a_write_raises(store: Running, invoices: Chroma) -> None:
    reader = Chroma(
        client=store.chroma("read-only"),
        collection_name="invoices",
        embedding_function=DeterministicFakeEmbedding(size=16),
        create_collection_if_not_exists=False,
    )
    assert len(reader.similarity_search("any", k=3)) == 3
    with pytest.raises(chromadb.errors.ChromaAuthError, match="may only read"):
        reader.delete(ids=["march"])
