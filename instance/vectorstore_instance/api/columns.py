"""What goes between the text routes and the engine: its answers as far as their columns, and rows to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Info(msgspec.Struct):
    """What the engine says of a collection, as far as it matters here."""

    id: str
    name: str
    dimension: int | None
    """None while it is empty."""
    metadata: Raw = Raw(b"null")
    """Known where it was made or listed."""


class Columns(msgspec.Struct):
    """Answer to get."""

    ids: list[str]
    documents: list[Raw] | None = None
    metadatas: list[Raw] | None = None


class QueryColumns(msgspec.Struct):
    """Answer to query: the columns of each vector."""

    ids: list[list[Raw]]
    documents: list[list[Raw]]
    metadatas: list[list[Raw]]
    distances: list[list[Raw]]


class Deleted(msgspec.Struct):
    """Answer to delete."""

    deleted: int


@dataclass(frozen=True)
class Rows:
    """Documents to write: columns of equal length."""

    documents: list[str] | None = None
    embeddings: list[list[float]] | None = None
    ids: list[str] | None = None
    metadatas: Sequence[Mapping[str, Any] | None] | None = None
    vectors: NDArray[np.float32] | None = None
    """The model's vectors of the documents, where they are made already."""

    @property
    def count(self) -> int:
        """How many documents."""
        return len(self.documents if self.documents is not None else self.embeddings or [])
