"""The parts that bodies are made of, each with its rules: what passes here, the engine can store.

A rule's message says what is wrong with the value and what to do; which field it is, and the value,
are added where the error is rendered.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

INT64 = 1 << 63
UINT32 = (1 << 32) - 1
FLOAT32 = 3.4028234663852886e38


class Body(BaseModel):
    """A body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(f"{text[:20]!r} is an empty text and means nothing; leave it out")
    return text


def _distinct(ids: list[str]) -> list[str]:
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is there more than once; give every id once")
    return ids


def check_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata as it came, where Chroma can store it.

    Raises:
        ValueError: names the key and what is wrong with it.
    """
    for key, value in metadata.items():
        if not key or key.startswith("chroma:"):
            raise ValueError(f"key {key!r} is reserved; choose another name")
        _check_value(key, value)
    return metadata


def _check_value(key: str, value: Any) -> None:
    if isinstance(value, list):
        kinds = {float if type(item) is int else type(item) for item in value}
        if len(kinds) != 1 or not kinds <= {str, float, bool}:
            raise ValueError(f"{key!r}: a list must hold only strings, only numbers or only booleans; make it so")
        for item in value:
            _check_value(key, item)
    elif value is None:
        raise ValueError(f"{key!r}: null cannot be stored; leave the key out")
    elif not isinstance(value, str | int | float | bool):
        raise ValueError(f"{key!r}: must be a string, a number, a boolean or a list of one of these; spread it out")
    elif isinstance(value, int) and not -INT64 <= value < INT64:
        raise ValueError(f"{key!r}: {value} does not fit 64 bits; send it as a string")


Text = Annotated[str, AfterValidator(_not_blank)]
"""A text to embed."""

Id = Annotated[str, Field(min_length=1)]
"""Names a document within its collection."""

Ids = Annotated[list[Id], Field(min_length=1), AfterValidator(_distinct)]
"""Some documents, each named once."""

Metadata = Annotated[
    dict[str, Any],
    AfterValidator(check_metadata),
    WithJsonSchema(
        {
            "type": "object",
            "description": "Strings, numbers, booleans, or lists of one of these.",
            "additionalProperties": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "number"},
                    {"type": "boolean"},
                    {"type": "array", "items": {}, "minItems": 1},
                ]
            },
        }
    ),
]
"""What a document is found and filtered by, besides its text."""

Where = Annotated[dict[str, Any], Field(min_length=1)]
"""A filter on metadata, in Chroma's language: https://docs.trychroma.com/docs/querying-collections/metadata-filtering"""

Vector = Annotated[
    list[Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-FLOAT32, le=FLOAT32)]], Field(min_length=1)
]
"""An embedding, stored as float32."""

Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
"""How many results at most."""
