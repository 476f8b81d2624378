"""What the counts go by where the engine's acknowledgements do not say."""

from __future__ import annotations

from typing import cast

import pytest

from vectorstore_instance.engine.quota import Quota
from vectorstore_instance.engine.tables import Tables
from vectorstore_instance.settings import Limits


class OneCollection:
    """Tables with one collection of some documents."""

    def __init__(self, there: int = 7) -> None:
        self.there = there

    def segment_and_dimension(self, collection: str) -> tuple[str, int | None] | None:
        return ("segment", 3) if collection == "there" else None

    def count(self, segment: str) -> int:
        return self.there

    def documents(self) -> dict[str, int]:
        return {"there": self.there}


def quota_of(tables: OneCollection, **limits: int) -> Quota:
    return Quota(cast(Tables, tables), lambda: Limits(**limits))


def test_a_collection_whose_making_was_never_acknowledged_is_counted_with_its_first_write() -> None:
    quota = quota_of(OneCollection())
    quota.reserve(2)
    quota.settle("there", 2, 2)
    assert (quota.used, quota.collections) == (7, 1)


def test_a_collection_that_is_not_there_leaves_no_trace() -> None:
    quota = quota_of(OneCollection())
    quota.settle("gone", 0, 0)
    quota.doubt("gone")
    quota.recount_doubted()
    assert (quota.used, quota.collections) == (0, 0)


async def test_a_write_of_unknown_outcome_is_counted_again_until_the_next_has_gone_well() -> None:
    tables = OneCollection(5)
    quota = quota_of(tables)
    await quota.count()
    quota.doubt("there")
    assert quota.used == 5
    tables.there = 8  # the engine came back and took in what it had in its queue
    quota.recount_doubted()
    assert quota.used == 8
    tables.there = 10
    quota.reserve(1)
    quota.settle("there", 1, 1)
    assert quota.used == 10
    tables.there = 99
    quota.recount_doubted()
    assert quota.used == 10


async def test_collections_beyond_the_limit_are_refused_with_use_and_remedy() -> None:
    quota = quota_of(OneCollection(), max_collections=1)
    assert quota.one_too_many() is None
    await quota.count()
    refusal = quota.one_too_many()
    assert refusal is not None
    assert (refusal.status, refusal.error) == (429, "QuotaError")
    assert "collections: 1 of 1 are used and this adds 1; delete collections" in refusal.message


@pytest.mark.parametrize(("adds", "allowed"), [(3, True), (4, False)])
async def test_documents_are_refused_exactly_at_the_limit(adds: int, allowed: bool) -> None:
    quota = quota_of(OneCollection(7), max_documents=10)
    await quota.count()
    if allowed:
        quota.reserve(adds)
    else:
        with pytest.raises(Exception, match="documents: 7 of 10 are used and this adds 4"):
            quota.reserve(adds)
