"""What every model of the API shares: camelCase on the wire, frozen, unknown fields refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A part of a custom resource."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        strict=True,  # the API server turns no "5" into 5 either
        use_attribute_docstrings=True,
    )


class Rule(BaseModel):
    """One CEL rule: the API server refuses what makes it false, with the message."""

    model_config = ConfigDict(frozen=True)
    rule: str
    message: str


def cel(*rules: Rule) -> dict[str, Any]:
    """`json_schema_extra` that carries CEL rules into the CRD."""
    return {"x-kubernetes-validations": [rule.model_dump() for rule in rules]}


def immutable(*fields: str, of: str = "store") -> list[Rule]:
    """Rules for the object that holds these optional fields: once there, they neither change nor go.

    They sit on the parent because a rule on the field itself is not asked when the field is added or
    removed: https://kubernetes.io/docs/reference/using-api/cel/#transition-rules
    """
    return [
        Rule(
            rule=f"has(self.{f}) == has(oldSelf.{f}) && (!has(self.{f}) || self.{f} == oldSelf.{f})",
            message=_fixed(f, of),
        )
        for f in map(to_camel, fields)
    ]


def fixed_fields_changed(old: Model, new: Model, *fields: str) -> str | None:
    """What `immutable` says of two editions of an object, where there is no API server to say it."""
    for field in fields:
        if getattr(old, field) != getattr(new, field):
            return _fixed(to_camel(field))
    return None


def _fixed(field: str, of: str = "store") -> str:
    return f"{field} is fixed when the {of} is made; make another {of} for another {field}"


SET = {"x-kubernetes-list-type": "set"}
"""`json_schema_extra` of a list that holds nothing twice."""


def keyed(*fields: str) -> dict[str, Any]:
    """`json_schema_extra` of a list that holds one object for each value of these fields."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(fields)}


Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=63)]
"""A name of a Kubernetes object."""

Subdomain = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]
"""A DNS subdomain: a name of a class of the cluster, of a Secret, a Gateway or an issuer."""


Moment = Annotated[str, Field(max_length=64)]
"""A time, RFC 3339, in a status."""

Brief = Annotated[str, Field(max_length=253)]
"""A name, a size, a digest, in a status."""


class Condition(Model):
    """metav1.Condition."""

    type: str = Field(max_length=316)
    """What is told: Accepted, Ready, Progressing, ..."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: str = Field(max_length=1024)
    """A stable word for why, for machines."""
    message: str = Field("", max_length=32768)
    """Why, for people: the field, its value and the remedy."""
    last_transition_time: Moment
    """When the status last changed, RFC 3339."""
    observed_generation: int = 0
    """The generation of the spec this speaks of."""


Conditions = Annotated[list[Condition], Field(max_length=16, json_schema_extra=keyed("type"))]
"""What is told of an object, one condition of a type."""
