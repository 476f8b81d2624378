"""Quantities: what they stand for, and how the API server writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore_operator.quantity import canonical_cpus, from_bytes, parse, to_bytes


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        ("1", "1"),
        ("250m", "0.25"),
        ("1.5", "1.5"),
        ("2k", "2000"),
        ("3M", "3000000"),
        ("1P", "1000000000000000"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1Ti", "1099511627776"),
        ("10e9", "10000000000"),
        ("1E", "1000000000000000000"),
        ("1Ei", "1152921504606846976"),
        ("5n", "0.000000005"),
    ],
)
def test_a_quantity_is_a_number(text: str, number: str) -> None:
    assert parse(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "-1", "1 Gi", "Gi", "1GiB", ".5", "1.", "1Gi\n", "１"])
def test_anything_else_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity such as 512Mi"):
        parse(text)


def test_bytes_are_whole() -> None:
    assert to_bytes("100m") == 1


# As a real API server stores them: tests/integration/operator/test_render.py applies some.
@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (1, "1"),
        (1500, "1500"),
        (2000, "2k"),
        (10**9, "1G"),
        (1024, "1Ki"),
        (2 * 10**9, "1953125Ki"),
        (1536 << 20, "1536Mi"),
        (5 << 30, "5Gi"),
        (1 << 50, "1Pi"),
        (1 << 60, "1Ei"),
    ],
)
def test_bytes_are_written_canonically(count: int, text: str) -> None:
    assert from_bytes(count) == text


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("1", "1"), ("1000m", "1"), ("0.5", "500m"), ("1.5", "1500m"), ("0.0001", "1m"), ("2000", "2k"), ("0", "0")],
)
def test_cpus_are_written_canonically(given: str, canonical: str) -> None:
    assert canonical_cpus(given) == canonical


@given(st.integers(0, 1 << 60))
def test_bytes_survive_being_written(count: int) -> None:
    assert to_bytes(from_bytes(count)) == count
