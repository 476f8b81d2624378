"""What belongs to a found row beside its distance, read from the tables instead of asked for.

Of the engine's work on a query that comes together with others, 60 % is looking up the documents and
metadata of what it found (0.5 ms per vector against 0.2 for ids and distances alone, at 10,000
documents). Our own connection takes a third of that to read them, and a tenth to learn that what was
read before still stands. The engine commits rows before it acknowledges them, so what is told here is
at least as new as what it found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import msgspec

from vectorstore_instance.engine.tables import Tables

MOST = 1000
"""Rows that are looked up at once: more would hold up the event loop for too long."""

MOST_TEXT = 1 << 20
"""Characters that are read at once, for the same reason: it takes some 15 ms."""

KEPT_BYTES = 8 << 20
"""Rows are kept as JSON up to so many bytes, ids included. Whether a kept one is still right is asked of the
tables each time, which is a fifth of the cost of reading it."""

_OWN = "chroma:"
"""Begins the engine's own keys, which it tells nobody."""
_DOCUMENT, _URI = f"{_OWN}document", f"{_OWN}uri"
_NULL = b"null"
_encode = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """One row's text, metadata and URI, as JSON; `null` where it has none."""

    document: bytes = _NULL
    metadata: bytes = _NULL
    uri: bytes = _NULL


class Records:
    """The rows of one instance."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._kept: dict[tuple[str, str], tuple[bytes, Record]] = {}
        """By segment and id: the row with its version."""
        self._size = 0

    def of(self, collection: str, ids: Collection[str]) -> dict[str, Record] | None:
        """The rows with these ids, those of them that there are; None where that is too much to read."""
        found = self._tables.segment_and_dimension(collection)
        if found is None:
            return {}
        segment = found[0]
        records: dict[str, Record] = {}
        read: dict[str, bytes] = {}
        for id_, version in self._tables.versions(segment, ids).items():
            kept = self._kept.get((segment, id_))
            if kept is not None and kept[0] == version:
                records[id_] = kept[1]
            else:
                read[id_] = version
        new = self._read(segment, read) if read else {}
        if new is None:
            return None
        for id_, record in new.items():
            records[id_] = record
            self._keep((segment, id_), read[id_], record)
        return records

    def _read(self, segment: str, ids: Collection[str]) -> dict[str, Record] | None:
        values: dict[str, dict[str, Any]] = {}
        found = self._tables.values(segment, ids, MOST_TEXT)
        if found is None:
            return None
        for id_, key, value in found:
            row = values.setdefault(id_, {})
            if key is not None:
                row[key] = value
        return {id_: _record(row) for id_, row in values.items()}

    def _keep(self, key: tuple[str, str], version: bytes, record: Record) -> None:
        """Keeps a row for the next query that finds it, in the place of those kept longest."""
        if (old := self._kept.pop(key, None)) is not None:
            self._size -= _size(key, old[1])
        self._kept[key] = version, record
        self._size += _size(key, record)
        while self._size > KEPT_BYTES:
            oldest = next(iter(self._kept))
            self._size -= _size(oldest, self._kept.pop(oldest)[1])


def _record(row: dict[str, Any]) -> Record:
    document = row.pop(_DOCUMENT, None)
    some = bool(row)
    uri = row.pop(_URI, None)
    told = {key: value for key, value in row.items() if not key.startswith(_OWN)}
    # As the engine has it: no metadata is null, but empty for a row that has a URI.
    return Record(_encode(document), _encode(told if some else None), _encode(uri))


def _size(key: tuple[str, str], record: Record) -> int:
    # The objects around the bytes weigh about as much as the first; a character up to four.
    return 400 + 4 * len(key[1]) + sum(map(len, record))


def column(records: dict[str, Record], ids: Iterable[str], name: str) -> bytes:
    """One column of an answer, for the rows in this order, as a JSON list.

    Raises:
        KeyError: a row is not there any more.
    """
    at = {"documents": 0, "metadatas": 1, "uris": 2}[name]
    return b"[" + b",".join([records[id_][at] for id_ in ids]) + b"]"
