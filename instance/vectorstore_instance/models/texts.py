"""Bodies of the text routes: what a client sends, on the default collection and on others."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from vectorstore_instance.models.fields import (
    UINT32,
    Body,
    Count,
    Id,
    Ids,
    Metadata,
    Text,
    Vector,
    Where,
    check_metadata,
)

EXAMPLE: dict[str, Any] = {
    "documents": ["The weather is lovely today.", "He drove to the stadium."],
    "ids": ["weather", "stadium"],
    "metadatas": [{"topic": "weather", "year": 2024}, {"topic": "sports", "year": 2025}],
}


class _Columns(Body):
    """What documents come with, a value for each."""

    ids: Ids | None = None
    """One for each document, made up where left out."""
    metadatas: Annotated[list[Metadata | None], Field(min_length=1)] | None = None
    """One for each document, null where it has none."""

    @model_validator(mode="after")
    def _as_long_as_each_other(self) -> Self:
        columns = {name: len(value) for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        if len(set(columns.values())) > 1:
            lengths = ", ".join(f"{length} {name}" for name, length in columns.items())
            raise ValueError(f"there are {lengths}; send one of each for every document")
        return self


class Texts(_Columns):
    """Documents as texts."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    documents: Annotated[list[Text], Field(min_length=1)]
    """The texts."""


class Rows(_Columns):
    """Documents as texts, as vectors of the client's own, or both."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    documents: Annotated[list[Text], Field(min_length=1)] | None = None
    """Texts, embedded on the server where there are no embeddings."""
    embeddings: Annotated[list[Vector], Field(min_length=1)] | None = None
    """Vectors of the store's dimension."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.documents is None and self.embeddings is None:
            raise ValueError("documents: missing, and so are embeddings; send one of them")
        return self


class Item(Body):
    """One document, as an agent or a log writes it: fields that are not named here become metadata."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"example": {"text": "Paid the invoice of March.", "agent": "billing", "step": 3}},
    )

    text: Text | None = None
    """What is embedded; where left out, the field that the store's TEXT_FIELD names (`reasoning`) is."""
    id: Id | None = None
    """Made up where left out; a document whose id is there already gets the new text, and its metadata are merged."""
    metadata: Metadata | None = None
    """More metadata, beside the other fields."""

    def split(self, text_field: str) -> tuple[str, dict[str, Any] | None]:
        """The text to embed and the metadata.

        Raises:
            ValueError: no text, or a field that cannot be metadata.
        """
        others = dict(self.model_extra or {})
        text = self.text if self.text is not None else others.pop(text_field, None)
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"text: missing, and {text_field!r} is not a text either, but {text!r}; send one of them")
        members = self.metadata or {}
        both = sorted(others.keys() & members.keys())
        if both:
            raise ValueError(f"metadata.{both[0]}: is a field of the object, too; send it once")
        return text, check_metadata(others | members) or None


class Search(Body):
    """A question to the default collection."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"query": "Is it sunny?", "n_results": 2, "where": {"topic": "weather"}}}
    )

    query: Text
    """The text to look for."""
    n_results: Count = 5
    """How many documents at most."""
    where: Where | None = None
    """Only documents whose metadata match."""


class Query(Body):
    """A question to the default collection, in few words."""

    model_config = ConfigDict(json_schema_extra={"example": {"query_text": "Is it sunny?", "k": 2}})

    query_text: Text
    """The text to look for."""
    k: Count = 5
    """How many documents at most."""


class Queries(Body):
    """Questions to one collection, answered each."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"query_texts": ["Is it sunny?", "Where did he go?"], "n_results": 2}}
    )

    query_texts: Annotated[list[Text], Field(min_length=1)]
    """The texts to look for."""
    n_results: Count = 10
    """How many documents at most for each."""
    where: Where | None = None
    """Only documents whose metadata match."""


class Named(Body):
    """Documents by id."""

    model_config = ConfigDict(json_schema_extra={"example": {"ids": ["weather", "stadium"]}})

    ids: Ids
    """Which."""


class Selection(Body):
    """Documents by id, by metadata, or by both; all where neither is given."""

    model_config = ConfigDict(json_schema_extra={"example": {"where": {"year": {"$gte": 2024}}, "limit": 100}})

    ids: Ids | None = None
    """Only these."""
    where: Where | None = None
    """Only documents whose metadata match."""
    limit: Annotated[int, Field(ge=1, le=UINT32, strict=True)] | None = None
    """How many at most; all where left out."""
    offset: Annotated[int, Field(ge=0, le=UINT32, strict=True)] | None = None
    """How many to leave out first."""


class Removal(Body):
    """Documents to delete: by id, by metadata, or by both."""

    model_config = ConfigDict(json_schema_extra={"example": {"where": {"topic": "sports"}}})

    ids: Ids | None = None
    """Only these."""
    where: Where | None = None
    """Only documents whose metadata match."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.ids is None and self.where is None:
            raise ValueError("ids: missing, and so is where; send one of them, or delete the collection")
        return self


class NewCollection(Body):
    """A collection to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "notes", "metadata": {"team": "blue"}}})

    name: str
    """3 to 512 of a-z, A-Z, 0-9, `.`, `_` and `-`, beginning and ending with a letter or digit."""
    metadata: Metadata | None = None
    """About the collection."""
