"""Files of records to text, a piece for each: CSV, JSON, JSONL."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from vectorstore_instance.documents.kinds import Unreadable
from vectorstore_instance.documents.pieces import Note, Piece, encoding, pieces, reader

_CELL = 1 << 20
"""Characters of a cell at most."""
_SAMPLE = 1 << 16
"""Bytes of the first rows, by which the sign between cells is guessed."""
_ROWS = 20


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
        if "".join(headers).lower() == "sep=":  # in which Excel names the sign
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
        raise Unreadable(
            f"line {rows.line_num}: {problem}; a cell may have {_CELL:,} characters: divide it, or close its quotes"
        ) from None


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
    """The sign that divides most rows into as many cells as there are headers. (csv.Sniffer takes half a minute
    where there are many quotation marks: its expressions backtrack.)"""

    def fits(sign: str) -> tuple[int, int]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=sign)
        cells = [len(row) for row in islice(rows, _ROWS)] or [0]
        return sum(count == cells[0] > 1 for count in cells), cells[0]

    return max(",;\t|", key=fits)
