"""Which writes may share one commit, and how a large one is cut: pure functions on wire bodies.

A write of one row costs the engine two transactions and as many syncs as one of five hundred, so
small writes of the same kind that wait for the same collection go together. A large write holds the
index's lock for as long as it takes, and every query with it, so it goes in pieces, once all of it
is proven to be well-formed: the engine refuses a body as a whole, and so must we.
"""

from __future__ import annotations

import array
import base64
import math
from collections.abc import Sequence

import msgspec

from vectorstore_instance.core.errors import invalid, too_large
from vectorstore_instance.models import wire
from vectorstore_instance.settings import Limits

SMALL = 64
"""Rows up to which a write is put together with others."""
TOGETHER = 512
"""Rows in one commit of several writes."""

VALUES = 5459
"""Values of one row's metadata, items of lists among them. Chroma binds six variables for each, and for document and
URI, in one statement, and SQLite has 32,766: with more it keeps the row in its queue, and from then on fails
whenever that collection is asked for anything."""

_METADATA = msgspec.json.Decoder(dict[str, str | int | float | bool | list[str | int | float | bool]] | None)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_RESERVED = "chroma:"
"""Keys of metadata that Chroma keeps for itself and tells nobody. It takes them from whoever writes, and with
`chroma:document` of another type than text it ends at that row, whenever it starts again."""
_TEXT = msgspec.json.Decoder(str | None)
_VECTOR = msgspec.json.Decoder(list[float])
_FLOAT32_END = 3.4028235677973366e38
"""The least number that is infinity as float32."""
_INT64 = range(-(1 << 63), 1 << 63)


def read_rows(verb: str, body: bytes, limits: Limits) -> wire.Rows:
    """Reads and checks the body of add, upsert or update, as far as the engine would be too late to.

    Raises:
        ApiError: 400, 413 or 422; names the field, the value and the remedy.
    """
    rows = wire.decode(wire.rows, body, verb)
    _check_ids(rows.ids, limits)
    count = len(rows.ids)
    if "" in rows.ids:
        raise invalid(f"ids: the one at position {rows.ids.index('')} is empty; give every row an id")
    if len(set(rows.ids)) < count:
        twice = next(i for n, i in enumerate(rows.ids) if i in rows.ids[:n])
        raise invalid(f"ids: {twice!r} is there more than once; send each id once per request")
    for name, column in rows.columns():
        if column is not None and len(column) != count:
            raise invalid(f"{name}: {len(column)} values for {count} ids; send one per id")
    for position, metadata in enumerate(rows.metadatas or ()):
        if problem := _unbearable(bytes(metadata)):
            raise invalid(f"metadatas[{position}]: {problem}")
    if rows.embeddings and (dimension := length(rows.embeddings[0])) > limits.max_dimension:
        raise invalid(
            f"embeddings: dimension {dimension} is above the {limits.max_dimension} that this store's plan allows; "
            "use a model of shorter vectors, or have the plan's limit raised (max_dimension)"
        )
    return rows


def _unbearable(metadata: bytes) -> str:
    """What the engine would not survive in a row's metadata; what cannot be read is left to its refusal."""
    reserved = _RESERVED.encode() in metadata or b"\\u" in metadata
    if not reserved and metadata.count(b",") < VALUES:
        return ""
    try:
        members = _MEMBERS.decode(metadata) or {}
        lists = [len(_ITEMS.decode(value)) for value in members.values() if bytes(value).startswith(b"[")]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if key := next((key for key in members if key.startswith(_RESERVED)), None):
        return f"{key!r} is reserved, as all {_RESERVED}* are; choose another key"
    values = len(members) - len(lists) + sum(lists)
    if values > VALUES:
        return f"{values} values are above the {VALUES} that one row can have; put them into several"
    return ""


def read_delete(body: bytes, limits: Limits) -> wire.Delete:
    """Reads and checks the body of delete.

    Raises:
        ApiError: 400, 413 or 422; names the field, the value and the remedy.
    """
    delete = wire.decode(wire.delete, body, "delete")
    _check_ids(delete.ids or [], limits)
    return delete


def _check_ids(ids: list[str], limits: Limits) -> None:
    if len(ids) > limits.max_batch_rows:
        raise too_large(
            f"ids: {len(ids)} rows in one request, and {limits.max_batch_rows} are allowed (max_batch_rows); "
            "send fewer at once"
        )


def length(vector: msgspec.Raw) -> int:
    """How many numbers a vector on the wire has, without reading them: a list, or base64 of float32."""
    text = bytes(vector)
    return len(text) * 3 // 16 if text.startswith(b'"') else text.count(b",") + 1


def fit_together(first: wire.Rows, second: wire.Rows) -> bool:
    """Whether two small writes of the same verb are of one form: the same columns, vectors written alike."""
    same_columns = all(
        (a is None) == (b is None) for (_, a), (_, b) in zip(first.columns(), second.columns(), strict=True)
    )
    if not same_columns or not first.ids or not second.ids:
        return False
    if first.embeddings and second.embeddings:
        return bytes(first.embeddings[0])[:1] == bytes(second.embeddings[0])[:1]
    return True


def merge(parts: Sequence[wire.Rows]) -> bytes:
    """One body of several that fit together, their slices joined as they are."""
    ids = [id_ for rows in parts for id_ in rows.ids]
    columns = [
        (name, [raw for rows in parts for raw in dict(rows.columns())[name] or ()])
        for name, column in parts[0].columns()
        if column is not None
    ]
    return _body(ids, columns)


def pieces(rows: wire.Rows, size: int) -> list[bytes]:
    """The bodies of one large write, of so many rows each."""
    columns = [(name, column) for name, column in rows.columns() if column is not None]
    return [
        _body(rows.ids[at : at + size], [(name, column[at : at + size]) for name, column in columns])
        for at in range(0, len(rows.ids), size)
    ]


def proven(rows: wire.Rows, dimension: int | None) -> bool:
    """Whether the engine will take every row, so that no piece of a write is refused after another was kept.

    Args:
        rows: the write.
        dimension: the length of the collection's vectors; None while it has none.
    """
    try:
        widths = {_width(vector) for vector in rows.embeddings or ()}
        for metadata in rows.metadatas or ():
            if not all(key and _plain(value) for key, value in (_METADATA.decode(metadata) or {}).items()):
                return False
        for text in (*(rows.documents or ()), *(rows.uris or ())):
            _TEXT.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return len(widths) == 1 and dimension in (None, *widths)


def _plain(value: object) -> bool:
    """Whether the engine takes a value of metadata: a scalar, or a list of scalars of one type."""
    if isinstance(value, list):
        return len({type(item) for item in value}) == 1 and all(map(_plain, value))
    return type(value) is not int or value in _INT64


def _width(vector: msgspec.Raw) -> int:
    """The length of a vector whose numbers are all finite float32.

    Raises:
        ValueError: it is no such vector.
    """
    text = bytes(vector)
    if text.startswith(b'"'):
        numbers = array.array("f", base64.b64decode(text[1:-1], validate=True))
        finite = math.isfinite(sum(numbers))  # a NaN or an infinity stays one in the sum
        count = len(numbers)
    else:
        floats = _VECTOR.decode(text)
        finite = max(map(abs, floats), default=math.inf) < _FLOAT32_END
        count = len(floats)
    if not finite:
        raise ValueError("not a vector of finite numbers")
    return count


def _body(ids: list[str], columns: Sequence[tuple[str, Sequence[msgspec.Raw]]]) -> bytes:
    parts = [b'"ids":' + msgspec.json.encode(ids)]
    parts += [b'"%s":[%s]' % (name.encode(), b",".join(map(bytes, column))) for name, column in columns]
    return b"{" + b",".join(parts) + b"}"
