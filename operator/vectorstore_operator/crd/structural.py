"""The structural schema of a pydantic model: what a CRD may hold.

A CRD's schema speaks OpenAPI 3.0 and must be structural, where pydantic speaks JSON Schema 2020-12:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
What differs is rewritten; what has no structural form is an error, never left out in silence.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "required",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "properties",
    "items",
    "additionalProperties",
)
"""Words that mean the same to both, some after `_one` has rewritten them."""

DROPPED = {"title", "$defs"}


def structural(model: type[BaseModel], *, defaults: bool = True) -> Schema:
    """The structural schema of a model.

    Args:
        model: whose.
        defaults: whether the API server fills in the model's defaults.

    Raises:
        TypeError: a field has no structural form; names it.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _Converter(raw.get("$defs", {}), defaults).convert(raw, model.__name__)


class _Converter:
    def __init__(self, definitions: Schema, defaults: bool) -> None:
        self._definitions, self._defaults = definitions, defaults

    def convert(self, raw: Schema, path: str) -> Schema:
        """One node, and those below it."""
        raw = self._one(raw, path)
        unknown = {word for word in raw if word not in KEPT and not word.startswith("x-kubernetes-")} - DROPPED
        if unknown or not isinstance(raw.get("type"), str):
            raise TypeError(f"{path}: {', '.join(sorted(unknown)) or 'no type'} has no structural form")
        schema = {word: raw[word] for word in KEPT if word in raw} | {
            word: raw[word] for word in raw if word.startswith("x-")
        }
        if "description" in schema:
            schema["description"] = " ".join(schema["description"].split())
        if "default" in schema:
            self._default(schema)
        if "properties" in schema:
            children = schema["properties"].items()
            schema["properties"] = {name: self.convert(child, f"{path}.{name}") for name, child in children}
        if "items" in schema:
            schema["items"] = self.convert(schema["items"], f"{path}[]")
        return self._object(schema, path) if schema["type"] == "object" else self._bounded(schema, path)

    def _one(self, raw: Schema, path: str) -> Schema:
        """The node with its reference and its `or null` resolved, and in the words of OpenAPI 3.0."""
        raw = dict(raw)
        if "$ref" in raw:
            raw = self._definitions[raw.pop("$ref").rsplit("/", 1)[1]] | raw
        if "anyOf" in raw:
            kinds = [kind for kind in raw.pop("anyOf") if kind != {"type": "null"}]
            if len(kinds) != 1:
                raise TypeError(f"{path}: a union of {len(kinds)} has no structural form")
            raw = self._one(kinds[0], path) | raw
        if "const" in raw:
            raw["enum"] = [raw.pop("const")]
        for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if exclusive in raw:
                raw[bound], raw[exclusive] = raw[exclusive], True
        return raw

    def _default(self, schema: Schema) -> None:
        default = _without_nulls(schema.pop("default"))
        if self._defaults and default is not None:
            schema["default"] = default

    def _object(self, schema: Schema, path: str) -> Schema:
        more = schema.pop("additionalProperties", False)
        if more is False:  # what the schema does not name is pruned, or refused by `kubectl`
            return schema
        if more is True or "maxProperties" not in schema:
            raise TypeError(f"{path}: a map needs a type of values and a max_length")
        return schema | {"additionalProperties": self.convert(more, f"{path}.*")}

    def _bounded(self, schema: Schema, path: str) -> Schema:
        # Without bounds the API server reckons CEL rules too costly and refuses the CRD.
        if schema["type"] == "array" and "maxItems" not in schema:
            raise TypeError(f"{path}: a list needs a max_length")
        if schema["type"] == "string" and not schema.keys() & {"maxLength", "enum"}:
            raise TypeError(f"{path}: a string needs a max_length or an enum")
        return schema


def _without_nulls(default: Any) -> Any:
    if isinstance(default, dict):
        return {name: _without_nulls(value) for name, value in default.items() if value is not None}
    return default
