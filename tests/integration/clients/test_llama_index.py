"""llama-index-vector-stores-chroma on a store."""

from __future__ import annotations

import chromadb.errors
import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.chroma import ChromaVectorStore
from tests.support.instances import Running


def node(name: str, embedding: list[float], source: str, **metadata: object) -> TextNode:
    return TextNode(
        id_=name,
        text=f"All about the {name}.",
        embedding=embedding,
        metadata=metadata,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


@pytest.fixture
def animals(store: Running) -> ChromaVectorStore:
    animals = ChromaVectorStore.from_params(
        "animals", host="127.0.0.1", port=store.port, headers={"x-chroma-token": store.key()}
    )
    nodes = [
        node("cat", [1.0, 0.0, 0.0], "mammals", legs=4, sound="purr"),
        node("dog", [0.9, 0.1, 0.0], "mammals", legs=4, sound="bark"),
        node("wren", [0.0, 1.0, 0.0], "birds", legs=2, sound="trill"),
        node("eel", [0.0, 0.0, 1.0], "fish", legs=0, sound=None),
    ]
    assert animals.add(nodes) == ["cat", "dog", "wren", "eel"]
    return animals


def where(key: str, value: object, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilter:
    return MetadataFilter(key=key, value=value, operator=operator)


def ask(animals: ChromaVectorStore, *filters: MetadataFilter, any_of: bool = False, most: int = 4) -> list[str]:
    condition = FilterCondition.OR if any_of else FilterCondition.AND
    query = VectorStoreQuery(
        query_embedding=[1.0, 0.0, 0.0],
        similarity_top_k=most,
        filters=MetadataFilters(filters=list(filters), condition=condition) if filters else None,
    )
    return list(animals.query(query).ids or ())


def test_the_nearest_nodes_come_whole(animals: ChromaVectorStore) -> None:
    found = animals.query(VectorStoreQuery(query_embedding=[1.0, 0.0, 0.0], similarity_top_k=2))
    assert found.ids == ["cat", "dog"]
    assert found.similarities is not None
    assert found.similarities[0] == pytest.approx(1.0)
    nearest = (found.nodes or [])[0]
    assert nearest.get_content() == "All about the cat."
    assert nearest.metadata == {"legs": 4, "sound": "purr"}
    assert nearest.source_node is not None
    assert nearest.source_node.node_id == "mammals"


def test_filters(animals: ChromaVectorStore) -> None:
    assert ask(animals, where("legs", 4)) == ["cat", "dog"]
    assert ask(animals, where("legs", 2, FilterOperator.LTE)) == ["wren", "eel"]
    assert ask(animals, where("legs", 4), where("sound", "bark")) == ["dog"]
    assert ask(animals, where("legs", 0), where("sound", "purr"), any_of=True) == ["cat", "eel"]
    assert ask(animals, where("sound", ["trill", "bark"], FilterOperator.IN)) == ["dog", "wren"]
    assert ask(animals, where("sound", "purr", FilterOperator.NE), most=1) == ["dog"]


def test_maximal_marginal_relevance(animals: ChromaVectorStore) -> None:
    query = VectorStoreQuery(query_embedding=[1.0, 0.0, 0.0], similarity_top_k=2, mode=VectorStoreQueryMode.MMR)
    assert (animals.query(query, mmr_threshold=0.9, mmr_prefetch_k=4).ids or [None])[0] == "cat"


def test_nodes_are_read_and_deleted_by_id_by_filter_and_by_document(animals: ChromaVectorStore) -> None:
    assert [each.node_id for each in animals.get_nodes(["wren"])] == ["wren"]
    animals.delete("mammals")
    assert ask(animals) == ["wren", "eel"]
    animals.delete_nodes(["eel"])
    assert ask(animals) == ["wren"]
    animals.clear()
    assert ask(animals) == []


def test_refusals_are_raised(store: Running, animals: ChromaVectorStore) -> None:
    with pytest.raises(chromadb.errors.InvalidArgumentError, match="dimension"):
        animals.add([node("ant", [1.0], "insects", legs=6)])
    reader = ChromaVectorStore(chroma_collection=store.chroma("read-only").get_collection("animals"))
    assert ask(reader, most=1) == ["cat"]
    with pytest.raises(chromadb.errors.ChromaAuthError, match="may only read"):
        reader.delete("mammals")
