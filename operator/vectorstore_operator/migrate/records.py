"""What is moved: collections, and their records a page at a time.

A vector is 32-bit floats and stays those bits; metadata keep their types (`1`, `1.0` and `true` are three things).
Checksums are sums of the digests of records, so that the order in which either side gives them does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (records, dimension)."""

_ROUND = 1 << 128


@dataclass(frozen=True)
class Collection:
    """A collection, wherever it is."""

    name: str
    database: str
    metadata: dict[str, Any] | None = None
    configuration: dict[str, Any] | None = None
    """As Chroma tells it: `hnsw` or `spann`, and `embedding_function`; None where nobody knows."""
    schema: dict[str, Any] | None = None
    dimension: int | None = None
    id: str = ""
    """At its server."""
    count: int = 0
    """Records, as far as they were counted."""
    checksums: tuple[str, str] | None = None
    """Those of the contents and of the vectors, where they were once written down."""

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name if self.database == DEFAULT_DATABASE else f"{self.database}/{self.name}"

    @property
    def index(self) -> dict[str, Any]:
        """How its index is made, in the words of the present Chroma; {} where nobody knows.

        Before 1.0 the metadata said it. What Chroma tells of such a collection today is the default configuration, and
        it goes by the metadata wherever the configuration is that.
        """
        told, metadata = self.configuration or {}, self.metadata or {}
        old = told.get("hnsw_configuration") or {}  # as servers before 1.0 tell it
        index = told.get("hnsw") or told.get("spann") or {**old, "max_neighbors": old.get("M")}
        index = {name: index[name] for name in DEFAULTS if index.get(name) is not None}
        if old or all(index.get(name, value) == value for name, value in DEFAULTS.items()):
            index |= {name: metadata[key] for key, name in _LEGACY.items() if key in metadata}
        return index

    @property
    def space(self) -> str:
        """How its engine measures distances: `l2`, `cosine` or `ip`; nothing where nobody knows."""
        return str(self.index.get("space", ""))

    @property
    def function(self) -> dict[str, Any] | None:
        """The embedding function that its clients are to use; it moves with it, and nobody here calls it."""
        found: dict[str, Any] | None = (self.configuration or {}).get("embedding_function")
        return found

    def at(self, database: str | None, name: str | None) -> Collection:
        """The same one, called so elsewhere; None keeps a name."""
        return replace(self, database=database or self.database, name=name or self.name)


DEFAULTS = {"space": "l2", "ef_construction": 100, "ef_search": 100, "max_neighbors": 16, "resize_factor": 1.2}
"""Settings of an index that change answers or files, and what Chroma takes where none is said."""
_LEGACY = {
    "hnsw:space": "space",
    "hnsw:construction_ef": "ef_construction",
    "hnsw:search_ef": "ef_search",
    "hnsw:M": "max_neighbors",
    "hnsw:resize_factor": "resize_factor",
}
DEFAULT_TENANT = "default_tenant"
DEFAULT_DATABASE = "default_database"


@dataclass(frozen=True)
class Records:
    """A page of records: columns of equal length."""

    ids: list[str]
    vectors: Vectors
    documents: Sequence[str | None]
    metadatas: Sequence[dict[str, Any] | None]
    uris: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: Sequence[int]) -> Records:
        """Some of them."""
        return Records(
            [self.ids[at] for at in positions],
            self.vectors[list(positions)],
            [self.documents[at] for at in positions],
            [self.metadatas[at] for at in positions],
            [self.uris[at] for at in positions],
        )

    def contents(self) -> list[bytes]:
        """A digest of each record without its vector; absent metadata and metadata without keys are one to Chroma."""
        encode = msgspec.json.Encoder(order="deterministic").encode
        rows = zip(self.ids, self.documents, self.metadatas, self.uris, strict=True)
        return [_digest(encode((id_, text, meta or None, uri))) for id_, text, meta, uri in rows]

    def bits(self) -> list[bytes]:
        """A digest of each record's id and vector."""
        plain = np.ascontiguousarray(self.vectors, dtype="<f4")
        return [_digest(id_.encode() + b"\0" + row.tobytes()) for id_, row in zip(self.ids, plain, strict=True)]


def short(ids: Iterable[str]) -> NDArray[np.uint64]:
    """Eight bytes for each id, for a look at which are there among millions."""
    return np.fromiter(
        (int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=8).digest()) for id_ in ids), np.uint64
    )


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


@dataclass
class Checksum:
    """A sum of digests, whatever their order."""

    _sum: int = field(default=0)

    def add(self, digests: Sequence[bytes]) -> None:
        """Takes records in."""
        self._sum = (self._sum + sum(int.from_bytes(each) for each in digests)) % _ROUND

    def __str__(self) -> str:
        return f"{self._sum:032x}"
