"""Taking fields over that others put beside ours.

A server-side apply sets what it states and removes what it stated before, and nothing else: what
somebody added to a child of ours (a variable, a selector's label that leaves no pod selected) stays,
for it is theirs. Counted as ours, it goes with the next apply. What others state in the metadata, the
pod template's too (labels, annotations such as that of `kubectl rollout restart`), is never taken:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from typing import Any

from vectorstore_operator.cluster.kinds import RENDERED
from vectorstore_operator.names import MANAGER
from vectorstore_operator.objects import Object

Fields = dict[str, Any]
"""A set of fields as FieldsV1: a tree of names."""


def edited(live: Object) -> bool:
    """Whether somebody else states fields of a child that are the operator's to state: not of pods and claims."""
    return live["kind"] in RENDERED and any(_split(entry.get("fieldsV1", {}))[0] for entry in _others(live))


def taken_over(live: Object) -> list[Object] | None:
    """The object's `managedFields` with what others stated as ours; None where they stated nothing to take."""
    if not edited(live):
        return None
    theirs = _others(live)
    rest = [entry for entry in live["metadata"]["managedFields"] if entry not in theirs and not _ours(entry)]
    ours: Fields = next((entry["fieldsV1"] for entry in live["metadata"]["managedFields"] if _ours(entry)), {})
    for entry in theirs:
        taken, left = _split(entry["fieldsV1"])
        ours = _union(ours, taken)
        if left:
            rest.append({**entry, "fieldsV1": left})
    head = {"manager": MANAGER, "operation": "Apply", "apiVersion": live["apiVersion"], "fieldsType": "FieldsV1"}
    return [*rest, {**head, "fieldsV1": ours}]


def _ours(entry: Object) -> bool:
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource")) == (MANAGER, "Apply", None)


def _others(live: Object) -> list[Object]:
    return [
        entry
        for entry in live["metadata"].get("managedFields", ())
        if "subresource" not in entry and entry.get("apiVersion") == live.get("apiVersion") and not _ours(entry)
    ]


def _split(fields: Fields) -> tuple[Fields, Fields]:
    """What is to be taken of a set of fields, and what is left to whoever stated it: metadata."""
    taken = {name: tree for name, tree in fields.items() if name != "f:metadata"}
    left = {name: tree for name, tree in fields.items() if name == "f:metadata"}
    spec = dict(taken.pop("f:spec", {}))
    template = dict(spec.pop("f:template", {}))
    if (metadata := template.pop("f:metadata", None)) is not None:
        left["f:spec"] = {"f:template": {"f:metadata": metadata}}
    if template:
        spec["f:template"] = template
    if spec:
        taken["f:spec"] = spec
    return taken, left


def _union(one: Fields, other: Fields) -> Fields:
    return one | {name: _union(one.get(name, {}), tree) for name, tree in other.items()}
