"""What a `search` may cost: a route of other Chroma servers alone, weighed before it is forwarded to one.

Each of its searches has a filter as `where` is one, ranks by any expression over nearest neighbours (`$knn`), and
says how many results it wants. Without a number it gets as many as its rankings find, and all there is without those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from vectorstore_instance.core.errors import invalid
from vectorstore_instance.engine.cost import RESULTS, above, weigh
from vectorstore_instance.models import wire
from vectorstore_instance.settings import Limits

_NEIGHBOURS = 16
"""What one `$knn` finds where it does not say: Chroma's default."""


class _Limit(Struct):
    limit: int | None = None


class _Search(Struct):
    filter: Raw = wire.ABSENT
    rank: object = None
    limit: _Limit | None = None


class _Searches(Struct):
    searches: list[_Search]


_searches = msgspec.json.Decoder(_Searches)


def check(body: bytes, limits: Limits) -> None:
    """Refuses searches that cost more than the plan allows.

    Raises:
        ApiError: 400 or 422; names the field, the value, the limit and the remedy.
    """
    found = wire.decode(_searches, body, "search").searches
    wanted = sum(_results(f"searches[{n}]", search, limits) for n, search in enumerate(found))
    if wanted > RESULTS:
        raise invalid(f"searches: {wanted} results together, and one answer has {RESULTS} at most; ask for fewer")
    filters = {f"searches[{n}].filter": wire.present(search.filter) for n, search in enumerate(found)}
    if filters:
        weigh(filters, b"", limits)


def _results(name: str, search: _Search, limits: Limits) -> int:
    """How many results a search may have, each of its rankings within the limits."""
    found = []
    for knn in _neighbours(search.rank):
        query, count = knn.get("query"), knn.get("limit")
        if isinstance(query, list) and len(query) > limits.max_dimension:
            remedy = "use a model of shorter vectors"
            raise above(f"{name}.rank", len(query), limits.max_dimension, "in one vector", "max_dimension", remedy)
        found.append(count if isinstance(count, int) else _NEIGHBOURS)
    wanted = search.limit.limit if search.limit is not None else None
    if wanted is None and not found:
        raise invalid(
            f'{name}: no limit and no rank, which is all there is; give "limit": {{"limit": N}}, with N up to '
            f"{limits.max_n_results}"
        )
    for count in (*found, wanted or 0):
        if count > limits.max_n_results:
            raise above(name, count, limits.max_n_results, "results", "max_n_results", "ask for fewer")
    return wanted if wanted is not None else max(found)


def _neighbours(rank: object) -> Iterator[dict[str, Any]]:
    """Every `$knn` of a ranking, however deep."""
    waiting = [rank]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(knn := node.get("$knn"), dict):
                yield knn
            waiting.extend(value for key, value in node.items() if key != "$knn")
        elif isinstance(node, list):
            waiting.extend(node)
