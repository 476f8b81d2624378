"""The CRD files, and how pydantic's schemas become structural."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from vectorstore_operator import crd
from vectorstore_operator.api.base import Model
from vectorstore_operator.crd.structural import structural

CRDS = Path(__file__).parents[3] / "crds"


@pytest.mark.parametrize("name", crd.files())
def test_the_files_are_as_the_models_make_them(name: str) -> None:
    assert (CRDS / name).read_text() == crd.files()[name], "run: python -m vectorstore_operator.crd crds"


def test_there_are_no_other_files() -> None:
    assert {path.name for path in CRDS.iterdir()} == set(crd.files())


def test_only_replicas_has_a_default_in_a_store() -> None:
    version = crd.store_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    def defaults(node: dict[str, Any], path: str = "") -> dict[str, Any]:
        own = {path: node["default"]} if "default" in node else {}
        for name, child in node.get("properties", {}).items():
            own |= defaults(child, f"{path}.{name}")
        return own | (defaults(node["items"], f"{path}[]") if "items" in node else {})

    assert defaults(version) == {".spec": {}, ".spec.replicas": 1}


class Inner(Model):
    """An inner
    thing."""

    kind: Literal["one"] = "one"


class Outer(Model):
    """An outer thing."""

    above: int = Field(gt=3)
    """More than three."""
    inner: Inner | None = None
    """Maybe there."""
    names: Annotated[dict[str, int], Field(max_length=4)] = {}
    several: Annotated[list[Inner], Field(max_length=2)] = []


def test_the_words_of_json_schema_become_those_of_openapi() -> None:
    schema = structural(Outer)
    assert schema["required"] == ["above"]
    assert schema["properties"]["above"] == {
        "description": "More than three.",
        "type": "integer",
        "minimum": 3,
        "exclusiveMinimum": True,
    }
    assert schema["properties"]["inner"] == {
        "description": "Maybe there.",
        "type": "object",
        "properties": {"kind": {"type": "string", "enum": ["one"], "default": "one"}},
    }
    assert schema["properties"]["names"] == {
        "type": "object",
        "maxProperties": 4,
        "default": {},
        "additionalProperties": {"type": "integer"},
    }
    assert schema["properties"]["several"]["items"]["description"] == "An inner thing."


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (int | str, r"Made\.field: a union of 2 has no structural form"),
        (str, r"Made\.field: a string needs a max_length or an enum"),
        (list[int], r"Made\.field: a list needs a max_length"),
        (dict[str, int], r"Made\.field: a map needs a type of values and a max_length"),
        (Annotated[dict[str, Any], Field(max_length=3)], r"Made\.field: a map needs a type of values"),
        (Any, r"Made\.field: no type has no structural form"),
        (tuple[int, str], r"Made\.field: prefixItems has no structural form"),
    ],
)
def test_what_has_no_structural_form_is_named(annotation: Any, says: str) -> None:
    made = type("Made", (Model,), {"__annotations__": {"field": annotation}, "__module__": __name__})
    with pytest.raises(TypeError, match=says):
        structural(made)
