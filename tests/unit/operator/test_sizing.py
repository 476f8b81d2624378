"""The arithmetic of plans: it grows with what it holds, and disk can be turned round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore_operator.plan import sizing
from vectorstore_operator.quantity import GI, MI

DOCUMENTS = st.integers(1, 20_000_000)
DIMENSION = st.integers(1, 4096)


@given(DOCUMENTS, DOCUMENTS, DIMENSION)
def test_more_documents_never_need_less(one: int, other: int, dimension: int) -> None:
    few, many = sorted((one, other))
    assert sizing.memory_bytes(few, dimension, embeds=True) <= sizing.memory_bytes(many, dimension, embeds=True)
    assert sizing.disk_bytes(few, dimension) <= sizing.disk_bytes(many, dimension)


@given(DOCUMENTS, DIMENSION)
def test_the_most_documents_of_a_disk_fit_and_one_more_does_not(documents: int, dimension: int) -> None:
    disk = sizing.disk_bytes(documents, dimension)
    most = sizing.most_documents(disk, dimension)
    assert most >= documents
    assert sizing.disk_bytes(most, dimension) <= disk < sizing.disk_bytes(most + 1, dimension)


@pytest.mark.parametrize("disk", [0, 1, GI])
def test_a_disk_may_be_too_small_for_any(disk: int) -> None:
    assert sizing.most_documents(disk, 384) == 0


@given(DOCUMENTS, DIMENSION)
def test_sizes_are_round(documents: int, dimension: int) -> None:
    assert sizing.memory_bytes(documents, dimension, embeds=False) % (64 * MI) == 0
    assert sizing.disk_bytes(documents, dimension) % GI == 0


def test_a_healthy_store_stays_below_the_mark_where_it_turns_read_only() -> None:
    vectors = 1_000_000 * 2048  # what the index and its maps measured at 384 dimensions
    assert sizing.memory_bytes(1_000_000, 384, embeds=True) * sizing.FULL > vectors + sizing.FRONT + sizing.ENGINE


def test_embedding_costs_memory() -> None:
    assert sizing.memory_bytes(1000, 384, embeds=True) >= sizing.memory_bytes(1000, 384, embeds=False) + sizing.EMBEDDER
