"""What the count of documents goes by when it does not know a collection."""

from __future__ import annotations

from typing import cast

from vectorstore_instance.engine.quota import Quota
from vectorstore_instance.engine.tables import Tables
from vectorstore_instance.settings import Limits


class OneCollection:
    """Tables with one collection of seven documents."""

    def segment_and_dimension(self, collection: str) -> tuple[str, int | None] | None:
        return ("segment", 3) if collection == "there" else None

    def count(self, segment: str) -> int:
        return 7


def test_a_collection_whose_making_was_never_acknowledged_is_counted_with_its_first_write() -> None:
    quota = Quota(cast(Tables, OneCollection()), Limits)
    quota.reserve(2)
    quota.settle("there", 2, 2)
    assert (quota.used, quota.collections) == (7, 1)


def test_a_collection_that_is_not_there_leaves_no_trace() -> None:
    quota = Quota(cast(Tables, OneCollection()), Limits)
    quota.settle("gone", 0, 0)
    assert (quota.used, quota.collections) == (0, 0)
