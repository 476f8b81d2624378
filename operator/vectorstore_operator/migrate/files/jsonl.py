"""A record a line: `{"id": "a", "embedding": [0.5, ...], "document": "...", "metadata": {"year": 2026}, "uri": "..."}`.

Only id and embedding have to be there. Numbers of a vector are written as the shortest decimals that mean their
float32, so that the file is no larger than it must be and comes back bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.chroma import vectors
from vectorstore_operator.migrate.records import Records

Value = str | int | float | bool | None
_PAGE = 500


class Line(msgspec.Struct, omit_defaults=True):
    """A record."""

    id: str
    embedding: list[float]
    document: str | None = None
    metadata: dict[str, Value | list[Value]] | None = None
    uri: str | None = None


class _Id(msgspec.Struct):
    id: str


def ids(file: Path) -> Iterator[str]:
    """The ids of all records.

    Raises:
        Problem: a line that is no record; names it.
    """
    decoder = msgspec.json.Decoder(_Id)
    for number, line in _lines(file):
        yield _decode(decoder, line, f"{file}:{number}").id


def read(file: Path) -> Iterator[Records]:
    """All records, a page at a time.

    Raises:
        Problem: a line that is no record; names it, the field and the value.
    """
    decoder, lines = msgspec.json.Decoder(Line), _lines(file)
    dimension = 0
    while page := list(islice(lines, _PAGE)):
        rows = []
        for number, line in page:
            row = _decode(decoder, line, f"{file}:{number}")
            dimension = dimension or len(row.embedding)
            if len(row.embedding) != dimension or not dimension:
                raise Problem(
                    f"{file}:{number}: embedding: {len(row.embedding)} numbers, and the first record has {dimension}; "
                    "all of a collection have as many; give each kind a file of its own"
                )
            rows.append(row)
        yield _records(rows)


def _records(rows: list[Line]) -> Records:
    return Records(
        [row.id for row in rows],
        vectors.read([row.embedding for row in rows]),
        [row.document for row in rows],
        [_stated(row.metadata) for row in rows],
        [row.uri for row in rows],
    )


def _stated(metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    """Without keys that are null: to Chroma they are not there."""
    return {key: value for key, value in metadata.items() if value is not None} if metadata else None


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            if line.strip():
                yield number, line


def _decode(decoder: msgspec.json.Decoder[Any], line: bytes, where: str) -> Any:
    try:
        return decoder.decode(line)
    except msgspec.ValidationError as error:
        hint = '; a record is {"id": "a", "embedding": [0.5, ...], "document": ..., "metadata": {...}, "uri": ...}'
        raise Problem(f"{where}: {error}{hint}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(f"{where}: no JSON: {error}; the file is cut off, or no JSON lines") from None


def write(file: Path, pages: Iterable[Records]) -> None:
    """Writes a file."""
    encode = msgspec.json.Encoder().encode
    with file.open("wb") as opened:
        for page in pages:
            for at, row in enumerate(np.ascontiguousarray(page.vectors, dtype=np.float32)):
                told = {
                    "id": page.ids[at],
                    "embedding": msgspec.Raw(b"[" + ",".join(map(str, row)).encode() + b"]"),
                    "document": page.documents[at],
                    "metadata": page.metadatas[at],
                    "uri": page.uris[at],
                }
                opened.write(encode({key: value for key, value in told.items() if value is not None}) + b"\n")
