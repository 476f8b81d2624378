"""Files of records to text, a piece for each: CSV, JSON, JSONL."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from vectorstore_instance.documents.kinds import Unreadable
from vectorstore_instance.documents.pieces import Note, Piece, encoding, pieces, reader

_CELL = 1 << 20
"""Characters of a cell at most."""
_SAMPLE = 1 << 16
"""Bytes by which the sign between cells is guessed."""


def table(file: BinaryIO, delimiter: str | None = None) -> Iterator[Piece | Note]:
    """Each row as lines of `header: value`; the first row has the headers."""
    code, note = encoding(file)
    yield from note
    sample = file.read(_SAMPLE).decode(code, "replace")
    file.seek(0)
    csv.field_size_limit(_CELL)
    rows = csv.reader(reader(file, code), delimiter=delimiter or _delimiter(sample))
    try:
        headers = next(rows, [])
        for number, cells in enumerate(rows, 1):
            named = zip(headers + [""] * (len(cells) - len(headers)), cells, strict=False)
            lines = [
                f"{name.strip() or f'column {n}'}: {cell.strip()}"
                for n, (name, cell) in enumerate(named, 1)
                if cell.strip()
            ]
            yield from pieces(Piece("\n".join(lines), row=number))
    except csv.Error as problem:
        raise Unreadable(f"line {rows.line_num}: this is no CSV: {problem}") from None


def records(file: BinaryIO) -> Iterator[Piece | Note]:
    """JSON: the members of an array are records; anything else is one."""
    code, note = encoding(file)
    yield from note
    try:
        value = json.load(reader(file, code))
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"this is no JSON: {problem}") from None
    for number, record in enumerate(value if isinstance(value, list) else [value], 1):
        yield from _record(record, number)


def lines(file: BinaryIO) -> Iterator[Piece | Note]:
    """JSONL: each line is a record."""
    code, note = encoding(file)
    yield from note
    for number, line in enumerate(reader(file, code), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as problem:
                raise Unreadable(f"line {number}: this is no JSON: {problem}") from None
            yield from _record(record, number)


def _record(record: Any, number: int) -> Iterator[Piece]:
    """A record's values, each with where it was; none where no string is among them."""
    found = list(_values(record, ""))
    if any(isinstance(value, str) and value.strip() for _, value in found):
        told = (f"{path}: {value}" if path else str(value) for path, value in found if value != "")
        yield from pieces(Piece("\n".join(told), row=number))


def _values(value: Any, path: str) -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _values(member, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for member in value:
            yield from _values(member, path)
    elif value is not None:
        yield path, value


def _delimiter(sample: str) -> str:
    try:
        return csv.Sniffer().sniff(sample, ",;\t|").delimiter
    except csv.Error:
        return ","
