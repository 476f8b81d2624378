"""Which indices are refused before the engine meets them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import making


@pytest.mark.parametrize("name", ["max_neighbors", "hnsw:M"])
def test_neighbours_have_bounds_wherever_they_are_named(name: str) -> None:
    for where in ("configuration", "new_configuration", "schema", "metadata", "new_metadata"):
        for value in (0, 257, 1 << 70):
            with pytest.raises(ApiError, match=f"{name}: {value} is not between 1 and 256"):
                made({where: [{"deep": {"er": {name: value}}}]})
        made({where: {name: 1}})
        made({where: {name: 256}})


def test_searches_may_be_as_wide_as_answers() -> None:
    made({"configuration": {"hnsw": {"ef_search": 0, "ef_construction": 10_000}}})
    with pytest.raises(ApiError, match="ef_construction: 10001 is not between 0 and 10000"):
        made({"configuration": {"hnsw": {"ef_construction": 10_001}}})


@pytest.mark.parametrize("name", ["sync_threshold", "hnsw:sync_threshold"])
def test_an_index_is_saved_in_time_for_a_checkpoint(name: str) -> None:
    for where in ("configuration", "new_configuration", "schema", "metadata"):
        with pytest.raises(ApiError, match=f"{name}: 10001 is not between 0 and 10000"):
            made({where: {name: 10_001}})
        made({where: {name: 10_000}})


def test_what_the_engine_refuses_itself_is_left_to_it() -> None:
    for value in (-1, 0.0, 1e300, True, None, "0", []):
        made({"configuration": {"hnsw": {"max_neighbors": value}}})
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"configuration": "\xed\xa0\x80"}'):
        making.check(body)


def test_other_members_may_be_called_the_same() -> None:
    made({"name": "max_neighbors", "max_neighbors": 0})


@pytest.mark.parametrize("field", ["metadata", "new_metadata"])
def test_a_collections_own_metadata_are_single_values(field: str) -> None:
    made({field: {"s": "x", "n": 1, "f": 0.5, "b": True, "o": {}, "none": None}})
    with pytest.raises(ApiError, match=f"{field}: 'tags' is a list"):
        made({field: {"tags": []}})
    with pytest.raises(ApiError, match=f"{field}: 'v' is a sparse vector"):
        made({field: {"v": {"#type": "sparse_vector"}}})


def made(body: dict[str, Any]) -> None:
    making.check(json.dumps(body).encode())


def test_what_is_nested_too_deep_to_be_looked_through_is_refused() -> None:
    deep = b"[" * 5000 + b"]" * 5000
    with pytest.raises(ApiError, match="too deep"):
        making.check(b'{"new_metadata": {"n": [0]}, "unknown": ' + deep + b"}")
