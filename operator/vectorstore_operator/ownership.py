"""Taking fields over that others put beside ours.

A server-side apply sets what it states and removes what it stated before, and nothing else: an entry
that somebody added to a list of ours (a port, a variable, a volume) stays, for it is theirs. Counted
as ours, it goes with the next apply. What others state in the metadata (labels, annotations) is never
taken: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from typing import Any

from vectorstore_operator.names import MANAGER
from vectorstore_operator.objects import Object

Fields = dict[str, Any]
"""A set of fields as FieldsV1: a tree of names."""


def taken_over(live: Object) -> list[Object] | None:
    """The object's `managedFields` with all that anybody stated outside the metadata as ours; None if it is."""
    ours: Fields = {}
    kept: list[Object] = []
    moved = False
    for entry in live["metadata"].get("managedFields", ()):
        if "subresource" in entry or entry["apiVersion"] != live["apiVersion"]:
            kept.append(entry)
        elif (entry["manager"], entry["operation"]) == (MANAGER, "Apply"):
            ours = _union(ours, entry["fieldsV1"])
        else:
            theirs = entry["fieldsV1"]
            taken = {name: tree for name, tree in theirs.items() if name != "f:metadata"}
            ours, moved = _union(ours, taken), moved or bool(taken)
            if left := {name: tree for name, tree in theirs.items() if name == "f:metadata"}:
                kept.append({**entry, "fieldsV1": left})
    if not moved:
        return None
    head = {"manager": MANAGER, "operation": "Apply", "apiVersion": live["apiVersion"], "fieldsType": "FieldsV1"}
    return [*kept, {**head, "fieldsV1": ours}]


def _union(one: Fields, other: Fields) -> Fields:
    return one | {name: _union(one.get(name, {}), tree) for name, tree in other.items()}
