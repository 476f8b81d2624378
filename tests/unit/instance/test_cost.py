"""What a request may cost, told from its body without reading its vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import cost
from vectorstore_instance.engine.route import route
from vectorstore_instance.settings import Limits

ROWS = "/api/v2/tenants/t/databases/d/collections/0b5f3c9e-6a54-4e0c-9b1d-2f6b0c1d2e3f"


def check(verb: str, body: dict[str, Any] | str, **limits: Any) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    cost.check(route("POST", f"{ROWS}/{verb}"), text.encode(), Limits(**limits))


def refused(verb: str, body: dict[str, Any] | str, **limits: Any) -> str:
    with pytest.raises(ApiError) as refusal:
        check(verb, body, **limits)
    assert (refusal.value.status, refusal.value.error) == (400, "InvalidArgumentError")
    return refusal.value.message


def query(**more: Any) -> dict[str, Any]:
    return {"query_embeddings": [[0.5, 0.25, 1]], **more}


def test_what_clients_send_passes() -> None:
    check("query", query(n_results=10, ids=None, where=None, where_document=None, include=["documents"]))
    check("query", query(n_results=None))
    check("query", query(where={"$and": [{"a": 1}, {"b": {"$in": ["x", "y"]}}]}, where_document={"$contains": "z"}))
    check("get", {"ids": ["a"], "where": None, "limit": 3, "include": []})
    check("delete", {"ids": ["a"]})


def test_more_results_than_allowed() -> None:
    check("query", query(n_results=5), max_n_results=5)
    assert refused("query", query(n_results=6), max_n_results=5) == (
        "n_results: 6 is above the 5 for one vector that this store's plan allows; ask for fewer, "
        "or have the plan's limit raised (max_n_results)"
    )
    assert "n_results: 10" in refused("query", query(), max_n_results=5)  # what Chroma takes where none is named
    assert str(1 << 70) in refused("query", query(n_results=1 << 70))


def test_more_results_than_one_answer_has() -> None:
    many = {"query_embeddings": [[1]] * 101, "n_results": 1000}
    assert "1000 for each of 101 vectors are 101000 results" in refused("query", many)
    check("query", {**many, "n_results": 900})


@pytest.mark.parametrize("vector", [[0.123456] * 9, [1] * 9])
def test_a_longer_vector_than_allowed(vector: list[float]) -> None:
    check("query", {"query_embeddings": [vector]}, max_dimension=9)
    told = refused("query", {"query_embeddings": [vector[:3], vector]}, max_dimension=8)
    assert told.startswith("query_embeddings: 9 is above the 8 in one vector")


def where(leaves: int) -> dict[str, Any]:
    return {"$or": [{"x": n} for n in range(leaves)]}


@pytest.mark.parametrize("verb", ["query", "get", "delete"])
def test_operators_are_counted_in_both_filters(verb: str) -> None:
    body = query(where=where(3), where_document={"$contains": "a"})
    check(verb, body, max_where_operators=5)
    assert "where: 5 is above the 4 operators" in refused(verb, body, max_where_operators=4)


def test_a_field_without_operator_and_every_operator_count_one() -> None:
    filters = {"$and": [{"a": 1}, {"b": {"$ne": 2}}, {"$or": [{"c": {"$in": [1, 2, 3]}}, {"d": "$e"}]}]}
    check("get", {"where": filters}, max_where_operators=6)
    refused("get", {"where": filters}, max_where_operators=5)


def test_what_would_end_the_engine_is_refused_whatever_the_plan_says() -> None:
    check("get", {"where": where(cost.OPERATORS - 1)}, max_where_operators=10**6)
    for leaves in (cost.OPERATORS, 5_000, 100_000):  # 5,000 overflow the stack of Chroma 1.5.9
        assert f"above the {cost.OPERATORS} operators" in refused(
            "get", {"where": where(leaves)}, max_where_operators=10**6
        )


def nested(depth: int) -> str:
    return '{"where":' + '{"$and":[{"x":1},' * depth + '{"x":1}' + "]}" * depth + "}"


@pytest.mark.parametrize("depth", [61, 200, 400, 100_000])
def test_deep_filters_are_refused_without_recursion(depth: int) -> None:
    check("get", nested(58))
    with pytest.raises(ApiError) as refusal:
        check("get", nested(depth), max_where_operators=800)
    assert refusal.value.status == 400


def test_deep_vectors_and_other_members_are_refused() -> None:
    for body in (
        '{"query_embeddings":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"query_embeddings":[[1]],"x":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
    ):
        with pytest.raises(ApiError) as refusal:
            check("query", body)
        assert refusal.value.status in (400, 422)


def test_values_and_ids_are_bounded_together() -> None:
    check("get", {"where": {"x": {"$in": list(range(14_999))}}})
    assert "ids and $in" in refused("get", {"where": {"x": {"$in": list(range(15_001))}}})
    check("get", {"ids": [str(n) for n in range(30_000)]})
    assert "ids and $in" in refused("get", {"ids": [str(n) for n in range(30_001)]})
    assert "ids and $in" in refused(
        "get", {"ids": [str(n) for n in range(20_000)], "where": {"x": {"$nin": list(range(9_000))}}}
    )


def test_a_text_to_look_for_is_bounded() -> None:
    check("get", {"where_document": {"$contains": "a" * cost.PATTERN}})
    assert "where_document: $contains: 16385 characters" in refused(
        "get", {"where_document": {"$contains": "a" * (cost.PATTERN + 1)}}
    )


@pytest.mark.parametrize(
    "filters",
    [
        {"where_document": {"$contains": "a"}},
        {"where": {"#document": {"$contains": "a"}}},
        {"where": {"$and": [{"a": 1}, {"#document": {"$regex": "a"}}]}},
    ],
)
def test_texts_are_not_searched_where_the_plan_does_not_allow_it(filters: dict[str, Any]) -> None:
    check("get", filters)
    assert "(where_document)" in refused("get", filters, where_document=False)
    escaped = json.dumps(filters).replace("#", "\\u0023").replace("where_document", "where\\u005fdocument")
    assert "(where_document)" in refused("get", escaped, where_document=False)


@pytest.mark.parametrize("empty", [None, {}])
def test_an_empty_filter_searches_no_texts(empty: object) -> None:
    check("query", query(where_document=empty), where_document=False)


def test_a_hash_in_a_value_is_no_search_in_texts() -> None:
    check("get", {"where": {"a": "#document"}}, where_document=False)


@pytest.mark.parametrize("body", ["", "{", "[]", '{"n_results": "many"}', '{"query_embeddings": 3}', '"\\ud800"'])
def test_what_cannot_be_read_is_refused_here_so_that_nothing_passes_unread(body: str) -> None:
    with pytest.raises(ApiError) as refusal:
        check("query", body)
    assert refusal.value.status in (400, 422)


@pytest.mark.parametrize("verb", ["add", "upsert", "update", "count"])
def test_other_requests_are_none_of_this_business(verb: str) -> None:
    check(verb, "not even JSON")
