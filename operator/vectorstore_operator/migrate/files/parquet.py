"""A record a row: id, embedding (a list of float32), document, metadata (JSON, as no two records need have the same
keys) and uri.

Written and read a page at a time. Of files that others made, the embedding may also be of float64 and of lists of any
kind, and the columns may be more and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.records import Records, Vectors

if TYPE_CHECKING:
    from arro3.core import Array, RecordBatch, Schema

_PAGE = 500
_GROUP = 10_000
_MAGIC = b"PAR1"
_TEXTS = ("document", "metadata", "uri")


def ids(file: Path) -> Iterator[str]:
    """The ids of all records.

    Raises:
        Problem: it cannot be read, or has no such column.
    """
    for batch in _batches(file):
        yield from _texts(file, batch, "id")


def read(file: Path) -> Iterator[Records]:
    """All records, a page at a time.

    Raises:
        Problem: it cannot be read, or a column is of another kind; names it.
    """
    for batch in _batches(file):
        present = set(batch.schema.names)
        absent = [None] * batch.num_rows
        texts = {name: _texts(file, batch, name) if name in present else absent for name in _TEXTS}
        yield Records(
            _texts(file, batch, "id"),
            _vectors(file, batch["embedding"]),
            texts["document"],
            [_metadata(file, text) for text in texts["metadata"]],
            texts["uri"],
        )


def _batches(file: Path) -> Iterator[RecordBatch]:
    from arro3.io import read_parquet

    with file.open("rb") as opened:
        begin = opened.read(4)
        opened.seek(max(0, file.stat().st_size - 4))
        if begin != _MAGIC or opened.read(4) != _MAGIC:
            raise Problem(f"{file}: no Parquet, or cut off: its first and last four bytes are not PAR1")
    with _panics(f"{file}: it cannot be read as Parquet"):
        reader = read_parquet(file, batch_size=_PAGE)
        missing = {"id", "embedding"} - set(reader.schema.names)
        if missing:
            there = ", ".join(reader.schema.names)
            raise Problem(f"{file}: there is no column {' and no '.join(sorted(missing))}; there are: {there}")
        yield from reader


@contextmanager
def _panics(what: str) -> Iterator[None]:
    """Makes a message of what the library panics with, over a spoiled file and a full disk alike: no `Exception`."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise Problem(f"{what}: {error}") from None


def _texts(file: Path, batch: RecordBatch, name: str) -> list[Any]:
    found = list(batch[name].to_pylist())
    wrong = next((each for each in found if not isinstance(each, str) and (each is not None or name == "id")), "")
    if wrong != "":
        raise Problem(f"{file}: column {name}: {wrong!r} is no text; make it a column of strings")
    return found


def _metadata(file: Path, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        told = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Problem(
            f'{file}: column metadata: {text[:80]!r}: {error}; it is JSON, such as {{"year": 2026}}'
        ) from None
    return {key: value for key, value in told.items() if value is not None}


def _vectors(file: Path, column: Array) -> Vectors:
    from arro3.core import DataType, list_flatten, list_offsets

    kind, lengths = column.type, set[int | None]()
    if column.null_count:
        raise Problem(f"{file}: column embedding: a record has none; all that are moved need one")
    if DataType.is_fixed_size_list(kind):
        lengths = {kind.list_size}
    elif DataType.is_list(kind) or DataType.is_large_list(kind):
        lengths = set(np.diff(list_offsets(column).to_numpy()).tolist())
    if not lengths or kind.value_type is None or not DataType.is_floating(kind.value_type):
        raise Problem(f"{file}: column embedding: {str(kind).strip()}: it is to be lists of float32")
    if len(lengths) > 1 or 0 in lengths:
        told = ", ".join(sorted(map(str, lengths)))
        raise Problem(f"{file}: column embedding: vectors of {told} numbers; all of a collection have as many")
    return np.ascontiguousarray(list_flatten(column).to_numpy().reshape(len(column), -1), dtype=np.float32)


def write(file: Path, pages: Iterable[Records]) -> None:
    """Writes a file; pages are read as it goes.

    Raises:
        Problem: there is none.
    """
    from arro3.core import RecordBatchReader
    from arro3.io import write_parquet

    pages = iter(pages)
    first = next(pages, None)
    if first is None:
        raise Problem(f"{file}: all records went while they were being read; run this again")
    schema = _schema(first.vectors.shape[1])

    failed: list[Exception] = []

    def batches() -> Iterator[RecordBatch]:
        try:
            yield _batch(schema, first)
            for page in pages:
                yield _batch(schema, page)
        except Exception as error:
            failed.append(error)  # the library tells it in words of its own
            raise

    try:
        with _panics(f"{file}: it cannot be written"):
            write_parquet(
                RecordBatchReader.from_batches(schema, batches()),
                file,
                compression="zstd(3)",
                max_row_group_size=_GROUP,
                column_dictionary_enabled={("embedding", "list", "item"): False},  # hardly a number is there twice
            )
    except BaseException:
        if failed:
            raise failed[0] from None
        raise


def _schema(dimension: int) -> Schema:
    from arro3.core import DataType, Field, Schema

    vector = DataType.list(Field("item", DataType.float32(), nullable=False), dimension)
    texts = [Field(name, DataType.string(), nullable=True) for name in _TEXTS]
    return Schema([Field("id", DataType.string(), nullable=False), Field("embedding", vector, nullable=False), *texts])


def _batch(schema: Schema, page: Records) -> RecordBatch:
    from arro3.core import Array, DataType, RecordBatch, fixed_size_list_array

    flat = Array.from_numpy(np.ascontiguousarray(page.vectors, dtype=np.float32).reshape(-1))
    metadatas = [None if each is None else msgspec.json.encode(each).decode() for each in page.metadatas]
    columns = (page.ids, page.documents, metadatas, page.uris)
    identity, *texts = (Array(list(column), type=DataType.string()) for column in columns)
    vectors = fixed_size_list_array(flat, page.vectors.shape[1], type=schema.field("embedding").type)
    return RecordBatch.from_arrays([identity, vectors, *texts], schema=schema)
