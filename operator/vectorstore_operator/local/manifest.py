"""Manifest files as models: what `kubectl apply` would accept is accepted, what it would refuse is refused.

The API server checks names, schemas and CEL rules; here the same models do, and every message names
the file, the document, the field, what is wrong and the value.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from vectorstore_operator.api import API_VERSION
from vectorstore_operator.api.base import Name
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import NAME_RULE, StoreSpec, name_allowed
from vectorstore_operator.local import Invalid

DEFAULT_NAMESPACE = "default"
KINDS = ("VectorStore", "VectorStorePlan")
_PARTS = ("apiVersion", "kind", "metadata", "spec", "status")
_T = TypeVar("_T")
_STORE = TypeAdapter(StoreSpec)
_PLAN = TypeAdapter(PlanSpec)
_PLAN_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True)
class Store:
    """A VectorStore document."""

    name: str
    namespace: str
    spec: StoreSpec


@dataclass(frozen=True)
class Manifest:
    """All documents of some files."""

    stores: tuple[Store, ...] = ()
    plans: Mapping[str, PlanSpec] = field(default_factory=dict)


def parse(texts: Mapping[str, str]) -> Manifest:
    """The documents of some files, each checked.

    Args:
        texts: the files' contents by their names.

    Raises:
        Invalid: the first thing that is wrong.
    """
    stores: dict[str, Store] = {}
    plans: dict[str, PlanSpec] = {}
    for source, text in texts.items():
        for where, document in _documents(source, text):
            kind, name, namespace = _header(where, document)
            where, spec = f"{source}: {kind} {name}", document.get("spec", {})
            if name in (stores if kind == "VectorStore" else plans):
                raise Invalid(f"{where}: metadata.name: given twice; on one machine every store has a name of its own")
            if kind == "VectorStore":
                stores[name] = Store(name, namespace, _validated(f"{where}: spec", _STORE, spec))
            else:
                plans[name] = _validated(f"{where}: spec", _PLAN, spec)
    return Manifest(tuple(stores.values()), plans)


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is given twice is an error, as for the API server."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", node.value[index][0].start_mark
                )
        return super().construct_mapping(node, deep)


def _documents(source: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise Invalid(f"{source}: line {line}: not YAML: {problem.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        # The last two: a date such as 2024-13-45, a number of 5,000 digits, lists in lists in lists.
        raise Invalid(f"{source}: not YAML: {problem}") from None
    for number, document in enumerate(documents, start=1):
        where = f"{source}: document {number}"
        if document is None:  # an empty document, such as one of comments alone
            continue
        if not isinstance(document, dict):
            raise Invalid(f"{where}: not a mapping with apiVersion, kind, metadata and spec")
        yield where, document


def _header(where: str, document: dict[str, Any]) -> tuple[str, str, str]:
    """Kind, name and namespace of a document."""
    if document.get("apiVersion") != API_VERSION:
        raise Invalid(f"{where}: apiVersion: {document.get('apiVersion')!r}; it must be {API_VERSION}")
    kind = document.get("kind")
    if kind not in KINDS:
        raise Invalid(f"{where}: kind: {kind!r}; one machine runs {' and '.join(KINDS)}")
    for part in document:
        if part not in _PARTS:
            raise Invalid(f"{where}: {part}: unknown field; remove it")
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not isinstance(metadata, dict):
        raise Invalid(f"{where}: metadata.name: {name!r}; give the {kind} a name, in quotes where it is a number")
    if kind == "VectorStore" and not name_allowed(name):
        raise Invalid(f"{where}: {NAME_RULE.message}; not {name!r}")
    if kind == "VectorStorePlan":
        _validated(f"{where}: metadata.name", _PLAN_NAME, name)
    return kind, name, str(metadata.get("namespace") or DEFAULT_NAMESPACE)


def _validated(where: str, shape: TypeAdapter[_T], value: object) -> _T:
    try:
        # As the API server takes it: no number for a string, and only the names of the wire.
        return shape.validate_python(value, strict=True, by_alias=True, by_name=False)
    except ValidationError as problem:
        raise Invalid("\n".join(_explain(where, error) for error in problem.errors())) from None


def _explain(where: str, error: ErrorDetails) -> str:
    path = ".".join([where, *(str(part) for part in error["loc"])])
    match error["type"]:
        case "extra_forbidden":
            return f"{path}: unknown field; remove it"
        case "missing":
            return f"{path}: missing; give it a value"
        case "model_type":
            return f"{path}: {error['input']!r} should be a mapping"
        case "value_error":
            return f"{path}: {error['msg'].removeprefix('Value error, ')}"
        case _:
            return f"{path}: {error['input']!r} {error['msg'].removeprefix('Input ').removeprefix('String ')}"
