"""Vectors bit for bit, checksums whatever the order, and what makes records equal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore_operator.migrate.chroma import vectors
from vectorstore_operator.migrate.comparison import Comparison
from vectorstore_operator.migrate.records import Checksum, Collection, Records

float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(float32s, min_size=1, max_size=20))
def test_the_shortest_decimals_of_float32_come_back_bit_for_bit(numbers: list[float]) -> None:
    row = np.array([numbers], np.float32)
    told = [[float(str(number)) for number in row[0]]]
    assert vectors.read(told).tobytes() == row.tobytes()


def test_a_number_between_two_floats_is_settled_by_its_text() -> None:
    """https://www.exploringbinary.com/double-rounding-errors-in-floating-point-conversions tells why."""
    told = float("7.038531e-26")
    exact = np.array([0x15AE43FD], np.uint32).view(np.float32)
    assert str(exact[0]) == "7.038531e-26"
    assert np.float32(told) != exact[0]
    assert vectors.read([[told]])[0, 0] == exact[0]


def test_vectors_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"inhomogeneous|lengths"):
        vectors.read([[1.0], [1.0, 2.0]])


def record(id_: str = "a", vector: tuple[float, ...] = (1.0, 2.0), **rest: Any) -> Records:
    text, metadata, uri = rest.get("document"), rest.get("metadata"), rest.get("uri")
    return Records([id_], np.array([vector], np.float32), [text], [metadata], [uri])


def test_a_checksum_does_not_depend_on_the_order_and_depends_on_everything_else() -> None:
    one, other = Checksum(), Checksum()
    digests = [record(str(n)).contents()[0] for n in range(5)]
    one.add(digests)
    for digest in reversed(digests):
        other.add([digest])
    assert str(one) == str(other)
    other.add(digests[:1])
    assert str(one) != str(other)


@pytest.mark.parametrize(
    "changed",
    [
        record("b"),
        record(document=""),
        record(uri=""),
        record(metadata={"n": 1}),
        record(vector=(1.0, 2.0000002)),
        record(vector=(1.0, float("nan"))),
        record(vector=(1.0, 2.0, 0.0)),
    ],
)
def test_records_that_differ_in_anything_are_not_equal(changed: Records) -> None:
    assert Comparison().alike(record(), changed) == [False]


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), ("1", 1), ([1], [1.0]), ([1], [1, 1]), (0.1, 0.1000001)]
)
def test_values_of_another_type_are_not_equal_even_to_an_engine(one: object, other: object) -> None:
    engine = Comparison(scaled=True, rounded=True)
    assert engine.alike(record(metadata={"k": one}), record(metadata={"k": other})) == [False]
    assert engine.alike(record(metadata={"k": one}), record(metadata={"j": one})) == [False]


def test_an_engine_may_round_what_chroma_rounds_and_files_may_not() -> None:
    exact, engine = Comparison(), Comparison(scaled=True, rounded=True)
    read, kept = record(metadata={"f": [90.33333333333333]}), record(metadata={"f": [90.33333333333331]})
    assert (exact.alike(read, kept), engine.alike(read, kept)) == ([False], [True])
    assert 0 < engine.floats < 1e-15
    near = record(vector=(1.0, 2.0000002))
    assert (exact.alike(record(), near), engine.alike(record(), near)) == ([False], [True])
    assert 0 < engine.vectors < 1e-6
    assert engine.alike(record(), record(vector=(1.0, 2.00001))) == [False]


DEFAULT = {"space": "l2", "ef_construction": 100, "ef_search": 100, "max_neighbors": 16, "sync_threshold": 1000}


@pytest.mark.parametrize(
    ("configuration", "metadata", "space", "neighbors"),
    [
        ({"hnsw": DEFAULT}, None, "l2", 16),
        ({"hnsw": {**DEFAULT, "space": "ip"}}, {"hnsw:space": "cosine"}, "ip", 16),  # since 1.0 it goes first
        ({"hnsw": DEFAULT}, {"hnsw:space": "cosine", "hnsw:M": 8}, "cosine", 8),  # of a folder made before
        ({"hnsw_configuration": {"space": "l2", "ef_search": 10, "M": 16}}, {"hnsw:space": "cosine"}, "cosine", 16),
        ({"hnsw": None, "spann": {"space": "cosine", "search_nprobe": 64}}, None, "cosine", None),
        (None, None, "", None),
    ],
)
def test_an_index_is_read_as_chroma_reads_it(
    configuration: dict[str, Any] | None, metadata: dict[str, Any] | None, space: str, neighbors: int | None
) -> None:
    collection = Collection("c", "d", metadata, configuration)
    assert (collection.space, collection.index.get("max_neighbors")) == (space, neighbors)
    assert "sync_threshold" not in collection.index
    assert replace(collection, database="default_database").title == "c"
