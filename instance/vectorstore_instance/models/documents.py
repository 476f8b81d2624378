"""Bodies and answers of the document routes."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from vectorstore_instance.models.answers import Truncated
from vectorstore_instance.models.fields import Body, Count, Text, Where

CHUNK_SIZE = 512

Phase = Literal["queued", "parsing", "embedding", "done", "failed", "cancelled"]


def _source(name: str) -> str:
    # Not `isprintable`: people's names have blanks of other scripts, joined signs, and signs newer than this Python.
    if not name.strip() or any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in name):
        raise ValueError(f"{name[:100]!r} is blank or has a control character or a line's end; call the file otherwise")
    return name


def _distinct(names: list[str]) -> list[str]:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{min(twice)!r} is there more than once; give every file a name of its own")
    return names


Source = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_source)]
"""What a file is called."""

Url = Annotated[str, Field(min_length=1, max_length=8192)]


class Order(Body):
    """Files to read into a database."""

    name: str
    """The database: 3 to 512 of a-z, A-Z, 0-9, `.`, `_` and `-`, beginning and ending with a letter or digit. Made
    where there is none; one that is there gets these files besides its own."""
    model: str | None = None
    """The store's embedding model, as a safeguard; anything else is refused."""
    chunk_size: Annotated[int, Field(ge=16, le=100_000)] = CHUNK_SIZE
    """Tokens of a passage at most. What the model cannot read at once is brought down to what it can; the answer
    says so."""
    overlap: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Tokens that a passage has in common with the one before it; a tenth of `chunk_size` where left out."""


class UrlOrder(Order):
    """Files to fetch and to read into a database."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "handbook", "urls": ["https://files.example.com/handbook.pdf"]}}
    )

    urls: Annotated[list[Url], Field(min_length=1, max_length=500), AfterValidator(_distinct)]
    """Where they are: what the store's operator allows by `DOCUMENT_URLS`."""


class FormOrder(Order):
    """The same with the files themselves."""

    urls: Annotated[list[Url], Field(max_length=500), AfterValidator(_distinct)] = []
    """Files to be fetched besides."""
    files: Annotated[list[Source], Field(max_length=500), AfterValidator(_distinct)] = []
    """The files' names."""


class FileStatus(Body):
    """A file and how far it is."""

    source: str
    """Its name, as in its passages' metadata."""
    phase: Phase
    """`queued`, `parsing`, `embedding`; at last `done`, `failed` or `cancelled`."""
    bytes: int
    """Its size; 0 until it is fetched."""
    chunk_size: int
    """Tokens of a passage at most, as it is done."""
    overlap: int
    """Tokens in common with the passage before, as it is done."""
    chunks_done: int
    """Passages that are stored."""
    chunks_total: int
    """Passages it makes; 0 until it is parsed."""
    note: str | None
    """What its owner should know: a smaller `chunk_size`, an encoding that was guessed."""
    error: str | None
    """Why it failed, and what to do."""


class DatabaseStatus(Body):
    """A database and how far its files are."""

    id: str
    """Names it for good."""
    name: str
    """Names it for people: the collection's name for Chroma's clients."""
    phase: Phase
    """Of all its files: `failed` where none succeeded, `done` where some did."""
    waiting: str | None
    """What the work waits for, where it does."""
    chunks_done: int
    """Passages that are stored."""
    chunks_total: int
    """Passages of the files parsed so far."""
    files: list[FileStatus]
    """The oldest first."""


class Accepted(DatabaseStatus):
    """The files that were taken in: they will be worked on, whatever happens to the store."""

    model: str
    """What embeds it."""
    status: str
    """Where to ask how far it is."""


class DatabaseEntry(Body):
    """A database."""

    id: str
    """Names it for good."""
    name: str
    """Names it for people."""
    phase: Phase
    """Of all its files."""
    files: int
    """How many were uploaded."""
    chunks: int
    """Passages of these that were stored."""


class Databases(Body):
    """The databases there are: every collection is one."""

    databases: list[DatabaseEntry]


class Question(Body):
    """A question to a database."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"query": "How many days of leave do I have?", "n_results": 3}}
    )

    query: Text
    """The text to look for."""
    n_results: Count = 5
    """How many passages at most."""
    where: Where | None = None
    """Only passages whose metadata match, such as `{"source": "handbook.pdf"}`."""


class Passage(Body):
    """A passage that was found."""

    id: str
    """Names it within the database."""
    text: str | None
    """What it says."""
    score: float | None
    """How near it is: 1 - distance, 1 is the same; null where the collection measures otherwise than by cosine."""
    distance: float
    """How far it is, in the collection's metric."""
    source: str | None
    """The file it is from."""
    page: int | None
    """Its page, from 1, where the format has pages."""
    row: int | None
    """Its row or record, from 1, where the format has these."""
    offset: int | None
    """Characters before it on its page, in its row, or else in its file's text."""
    chunk: int | None
    """Which passage of its file it is, from 0."""
    metadata: dict[str, Any]
    """Everything that is stored beside it."""


class Passages(Body):
    """Passages found, the nearest first."""

    results: list[Passage]
    truncated: list[Truncated] | None = None
    """With `truncate=true`: the question, if it was cut."""


class Gone(Body):
    """A database that is gone."""

    deleted: str
    """Its name."""


class Cancelled(Body):
    """Work that was ended."""

    cancelled: int
    """On how many files; what was stored of them stays."""
