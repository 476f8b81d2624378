"""Answers of the text routes, as their documentation shows them.

The routes write most of them straight from the engine's bytes; tests hold the two together.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from vectorstore_instance.models.fields import Body
from vectorstore_instance.settings import Limits


class Error(Body):
    """What every refusal looks like."""

    error: str
    """A class of errors, the same as Chroma's own."""
    message: str
    """What is wrong, with the field, the value and the remedy."""


class Chunked(Body):
    """A document that was split."""

    id: str
    """Its id; its rows are `id#0`, `id#1` and so on."""
    chunks: int
    """How many."""


class Truncated(Body):
    """A text of which the model reads the beginning."""

    index: int
    """Which of the request's texts, counted from 0."""
    characters: int
    """How many it has."""
    read: int
    """How many of them were read."""


class Written(Body):
    """What was stored."""

    ids: list[str]
    """In the order of the request."""
    count: int
    """How many."""
    chunked: list[Chunked] | None = None
    """With `chunk=true`: those that were split."""
    truncated: list[Truncated] | None = None
    """With `truncate=true`: those that were cut to be embedded; they are stored whole."""


class Added(Body):
    """What was stored."""

    id: str
    """Names the document from now on."""
    chunked: list[Chunked] | None = None
    """With `chunk=true`: the document, if it was split."""
    truncated: list[Truncated] | None = None
    """With `truncate=true`: the document, if it was cut to be embedded; it is stored whole."""


class Document(Body):
    """A stored document."""

    id: str
    """Names it within its collection."""
    document: str | None
    """Its text; null where only a vector was stored."""
    metadata: dict[str, Any] | None
    """Its metadata."""


class Hit(Document):
    """A document found."""

    distance: float
    """How far it is from what was asked: 0 is the same, in the collection's metric (cosine)."""


class Found(Body):
    """Documents found, the nearest first; one that was split is named once, with its nearest chunk."""

    results: list[Hit]
    truncated: list[Truncated] | None = None
    """With `truncate=true`: the question, if it was cut."""


class FoundEach(Body):
    """Documents found for each text asked, in its order."""

    results: list[list[Hit]]
    truncated: list[Truncated] | None = None
    """With `truncate=true`: the questions that were cut."""


class Documents(Body):
    """Stored documents."""

    results: list[Document]


class Deleted(Body):
    """What is gone."""

    deleted: int
    """How many rows there were of those named: a document that was split has one for each chunk."""


class Collection(Body):
    """A collection."""

    name: str
    """Its name."""
    metadata: dict[str, Any] | None
    """About it."""
    dimension: int | None
    """Dimension of its vectors; null while it is empty."""


class Collections(Body):
    """The store's collections."""

    collections: list[Collection]


class Dropped(Body):
    """A collection that is gone."""

    deleted: str
    """Its name."""


class Usage(Body):
    """What the store holds, over all its collections."""

    documents: int
    """Documents."""
    bytes: int
    """Bytes on disk."""
    collections: int
    """Collections."""
    reclaimableBytes: int
    """Bytes that maintenance could give back: of deleted rows, overwritten operations, dropped collections."""


class Stats(Usage):
    """What the store holds and may hold."""

    limit: int
    """The document quota."""
    plan: str
    """Which plan that comes from."""
    model: str
    """The embedding model."""


class Health(BaseModel):
    """Whether the store serves; the rest is for those with a key."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Literal["ok"] = "ok"
    """That it does."""
    tenant: str | None = None
    """Whose store it is."""
    plan: str | None = None
    """Its plan."""
    model: str | None = None
    """Its embedding model."""
    dimension: int | None = None
    """Dimension of that model's vectors."""
    limits: Limits | None = None
    """What may be stored."""
    read_only: str | None = None
    """Why nothing more may be written at the moment, with the remedy."""
    usage: Usage | None = None
    """What is stored."""


class Service(Body):
    """Where to go from here."""

    service: str
    """What this is."""
    version: str
    """Its release."""
    docs: str
    """The interactive documentation."""
    openapi: str
    """The same for machines."""
    chroma: str
    """Root of Chroma's own API."""
    health: str
    """Whether it serves."""
