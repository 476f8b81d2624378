"""Rules over the fields of one object, stated once: in CEL for the API server, in Python where there is none.

What speaks of a former edition of the object, or of fields of its children, is no such rule: see `base.cel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from vectorstore_operator.api.base import Model, Rule, cel


class Check(Rule):
    """A rule that can be asked here, too."""

    holds: Callable[[Any], bool] = Field(exclude=True)
    """Whether an object keeps it; the same as `rule`."""


class Ruled(Model):
    """A part of a custom resource with rules."""

    rules: ClassVar[tuple[Check, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        handler.resolve_ref_schema(schema).update(cel(*cls.rules))
        return schema

    @model_validator(mode="after")
    def _kept(self) -> Self:
        for check in self.rules:
            if not check.holds(self):
                raise ValueError(check.message)
        return self


def one_of(field: str, other: str, message: str) -> Check:
    """Exactly one of two optional fields is given."""
    return Check(
        rule=f"{_has(field)} != {_has(other)}",
        message=message,
        holds=lambda stated: _given(stated, field) != _given(stated, other),
    )


def needs(field: str, other: str, message: str) -> Check:
    """An optional field is given only with another."""
    return Check(
        rule=f"!{_has(field)} || {_has(other)}",
        message=message,
        holds=lambda stated: not _given(stated, field) or _given(stated, other),
    )


def excludes(field: str, *others: str, message: str) -> Check:
    """An optional field is given only without the others."""
    none = " && ".join(f"!{_has(other)}" for other in others)
    return Check(
        rule=f"!{_has(field)} || ({none})",
        message=message,
        holds=lambda stated: not _given(stated, field) or not any(_given(stated, other) for other in others),
    )


def _has(field: str) -> str:
    return f"has(self.{to_camel(field)})"


def _given(stated: Model, field: str) -> bool:
    return getattr(stated, field) is not None
