"""What a request may cost: refused here, before an engine begins on it, with the limit, the value and the remedy.

Vectors stay unread. Filters are weighed only where they could be too heavy: by their punctuation most
are known to be light. The weighing needs no recursion, and the bounds below hold whatever a plan says,
since beyond them Chroma 1.5.9 does not answer with an error of the client's: a thousand conditions make
SQLite's expression too deep (500), five thousand overflow the engine's stack and end it, a pattern of
50,000 characters and 32,766 values are more than SQLite takes (500).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw, Struct

from vectorstore_instance.core.errors import ApiError, invalid
from vectorstore_instance.engine import making
from vectorstore_instance.engine.batch import length
from vectorstore_instance.engine.route import Kind, Route
from vectorstore_instance.models import wire
from vectorstore_instance.settings import Limits

OPERATORS = 800
"""Operators that no request may exceed."""
DEPTH = 60
"""Filters within filters; Chroma's parser follows 62."""
VALUES = 30_000
"""Ids, and twice the values of `$in` and `$nin`, in one request."""
PATTERN = 16_384
"""Characters of one text to look for."""
RESULTS = 100_000
"""Results in one answer, over all its vectors."""

_DOCUMENT = "#document"
"""The key by which a `where` reaches texts, too."""
_LIGHT = 1_000
"""Bytes of a filter in which neither values nor patterns can be too many."""


class _Asked(Struct):
    """What query, get and delete have in common, as far as it costs."""

    query_embeddings: list[Raw] | None = None
    n_results: int | None = None
    ids: Raw = wire.ABSENT
    where: Raw = wire.ABSENT
    where_document: Raw = wire.ABSENT


_asked = msgspec.json.Decoder(_Asked)


def check(what: Route, body: bytes, limits: Limits) -> None:
    """Refuses a query, get or delete that costs more than the plan allows, and an index that costs too much.

    Raises:
        ApiError: 400 or 422; names the field, the value, the limit and the remedy.
    """
    if what.kind in (Kind.MAKE, Kind.MODIFY) and what.label == "collection":
        making.check(body)
    if what.kind not in (Kind.QUERY, Kind.DELETE) and what.verb != "get":
        return
    asked = wire.decode(_asked, body, what.verb)
    if what.kind is Kind.QUERY:
        _check_results(asked, limits)
        _check_dimension(asked.query_embeddings or (), limits)
    _check_filters(asked, limits)


def _check_results(asked: _Asked, limits: Limits) -> None:
    wanted = 10 if asked.n_results is None else asked.n_results
    if wanted > limits.max_n_results:
        raise above("n_results", wanted, limits.max_n_results, "for one vector", "max_n_results", "ask for fewer")
    vectors = len(asked.query_embeddings or ())
    if wanted * vectors > RESULTS:
        raise invalid(
            f"n_results: {wanted} for each of {vectors} vectors are {wanted * vectors} results, and one answer "
            f"has {RESULTS} at most; ask for fewer, or send fewer vectors at once"
        )


def _check_dimension(vectors: list[Raw] | tuple[()], limits: Limits) -> None:
    most = limits.max_dimension
    for vector in vectors:
        # So many numbers take a digit and a comma each: most vectors need not be looked at.
        if len(memoryview(vector)) > 2 * most and (found := length(vector)) > most:
            raise above(
                "query_embeddings", found, most, "in one vector", "max_dimension", "use a model of shorter vectors"
            )


def _check_filters(asked: _Asked, limits: Limits) -> None:
    where, texts = wire.present(asked.where), wire.present(asked.where_document)
    if texts and texts != b"{}" and not limits.where_document:
        raise _no_texts("where_document")
    ids = wire.present(asked.ids)
    if not (where or texts) and ids.count(b",") < VALUES:
        return
    most = min(limits.max_where_operators, OPERATORS)
    if _is_light(where, most // 2) and _is_light(texts, most // 2) and ids.count(b",") < VALUES // 2:
        return
    weigh({"where": where, "where_document": texts}, ids, limits)


def weigh(filters: Mapping[str, bytes], ids: bytes, limits: Limits) -> None:
    """Refuses filters that are too heavy together.

    Args:
        filters: JSON by field; empty where it is left out.
        ids: a JSON list, or empty.
        limits: what counts now.

    Raises:
        ApiError: 400 or 422; names the field, the value, the limit and the remedy.
    """
    weight = _Weight()
    for name, text in filters.items():
        if text:
            weight.add(name, text)
    field = next(iter(filters))
    if weight.documents and not limits.where_document:
        raise _no_texts(f"{field}: {_DOCUMENT}")
    most = min(limits.max_where_operators, OPERATORS)
    if weight.operators > most:
        remedy = "ask in parts or use $in for many values"
        raise above(field, weight.operators, most, "operators", "max_where_operators", remedy)
    values = 2 * weight.values + (len(wire.decode(_listed, ids, "ids")) if ids else 0)
    if values > VALUES:
        raise invalid(
            f"ids and $in: {values} (ids, and twice the values of $in and $nin) are above the {VALUES} that one "
            "request may have; ask in parts"
        )


_listed = msgspec.json.Decoder(list[Raw])


class _Weight:
    """What filters are made of."""

    def __init__(self) -> None:
        self.operators = 0
        self.values = 0
        self.documents = False

    def add(self, name: str, text: bytes) -> None:
        """Weighs one more filter.

        Raises:
            ApiError: it is too deep, or looks for too long a text.
        """
        waiting: list[tuple[object, int]] = [(wire.decode(_tree, text, name), 1)]
        while waiting:
            node, depth = waiting.pop()
            if depth > 2 * DEPTH:
                raise invalid(f"{name}: more than {DEPTH} filters within each other; flatten it")
            for key, value in _members(node):
                self._weigh(name, key, value)
                if isinstance(value, dict | list):
                    waiting.append((value, depth + 1))

    def _weigh(self, name: str, key: str | None, value: object) -> None:
        if key is None:
            self.values += not isinstance(value, dict | list)
        elif key.startswith("$") or not isinstance(value, dict):
            self.operators += 1
        self.documents |= key == _DOCUMENT
        if isinstance(value, str) and key is not None and len(value) > PATTERN:
            raise invalid(f"{name}: {key}: {len(value)} characters to look for, and {PATTERN} are allowed; shorten it")


_tree = msgspec.json.Decoder()


def _members(node: object) -> Iterator[tuple[str | None, object]]:
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list):
        yield from ((None, value) for value in node)


def _is_light(text: bytes, most: int) -> bool:
    """Whether a filter can be seen to be within all bounds without reading it; an escape could hide a key."""
    return (
        len(text) <= _LIGHT
        and text.count(b":") <= most
        and text.count(b"{") + text.count(b"[") <= DEPTH
        and b"#" not in text
        and b"\\" not in text
    )


def above(field: str, value: int, most: int, what: str, limit: str, remedy: str) -> ApiError:
    """The refusal of a value that the plan does not allow."""
    return invalid(
        f"{field}: {value} is above the {most} {what} that this store's plan allows; "
        f"{remedy}, or have the plan's limit raised ({limit})"
    )


def _no_texts(field: str) -> ApiError:
    return invalid(
        f"{field}: this store's plan does not search in texts; filter by metadata with where, "
        "or have the plan allow it (where_document)"
    )
