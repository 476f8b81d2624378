"""What an archive says of itself: whose, of when, what must be in it, and what must come out of it.

The names of members are of a closed form, so that no archive can name a place outside its folder. The
definition of every field, for writers of other readers, is in docs/backup-format.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FORMAT = 1
"""The format that is written here; older ones are read, newer ones refused."""

MANIFEST, COMPLETE = "manifest.json", "complete.json"
"""The first and the last member."""
MANIFEST_BYTES = 64 << 20
"""Bytes that a manifest may have."""
DATABASE = "chroma.sqlite3"
LEDGER = "documents/files.sqlite3"

_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PLAIN = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,50}"
_MEMBER = (
    rf"^({DATABASE.replace('.', '[.]')}|{_ID}/{_PLAIN}|documents/files[.]sqlite3|documents/[0-9a-f]{{16}}/{_PLAIN})$"
)

Id = Annotated[str, Field(pattern=rf"^{_ID}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=2048)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Part):
    """One member, in the order in which it comes."""

    name: Annotated[str, Field(pattern=_MEMBER)]
    """`chroma.sqlite3`, `SEGMENT/FILE`, or something in `documents/`: the paths below the store's folder."""
    size: Annotated[int, Field(ge=0, lt=1 << 50)]
    """Bytes."""
    sha256: Digest


class Sample(_Part):
    """A question and its exact answer."""

    vector: str
    """Base64 of float32, little-endian: the vector of one of the rows."""
    ids: tuple[str, ...]
    """The nearest rows, by comparison with every row: not what an index found."""
    distances: tuple[float, ...]
    """Theirs, in Chroma's measure of the collection's space, ascending."""


class Collection(_Part):
    """What must come out of one collection."""

    id: Id
    name: Text
    tenant: Text
    database: Text
    dimension: Annotated[int, Field(ge=1, le=65536)] | None
    """None while it never had a row."""
    space: Literal["l2", "cosine", "ip"]
    documents: Annotated[int, Field(ge=0)]
    """Rows."""
    checksum: Digest
    """Of ids and vectors, whatever the files look like: see `rows`."""
    readable: bool = True
    """False where the engine could not read it when the archive was made: nobody asks it anything."""
    samples: Annotated[tuple[Sample, ...], Field(max_length=100)] = ()


class Embedding(_Part):
    """What texts were embedded with: vectors of two models do not compare."""

    model: Text
    dimension: int
    precision: Text


class Manifest(_Part):
    """What an archive holds."""

    format: Literal[1] = 1
    release: Text
    """Of vectorstore-operator that wrote it."""
    chromadb: Text
    """Whose tables and index files these are."""
    taken: datetime
    """When it was taken, in UTC."""
    tenant: Text
    """TENANT_ID of the instance."""
    store: Text = ""
    """Which store, in the words of whoever asked for the archive, such as `CLUSTER/NAMESPACE/UID`."""
    embedding: Embedding
    sequence: Annotated[int, Field(ge=0)]
    """The last operation in it: what was acknowledged up to it is in, nothing after it is."""
    pause: Annotated[float, Field(ge=0)]
    """Seconds for which a write waited at most."""
    collections: Annotated[tuple[Collection, ...], Field(max_length=100_000)]
    files: Annotated[tuple[File, ...], Field(max_length=1_000_000)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError("files: two have the same name")
        if DATABASE not in names:
            raise ValueError(f"files: {DATABASE} is missing")
        return self

    @property
    def bytes(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def documents(self) -> int:
        """Rows of all its collections."""
        return sum(collection.documents for collection in self.collections)
