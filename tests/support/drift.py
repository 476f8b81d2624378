"""Every field that the operator states of an object, and values that it should not have."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from vectorstore_operator.names import MANAGER
from vectorstore_operator.objects import Object

Leaf = tuple[str | int, ...]
"""Where in an object a single value is."""

OTHERS: dict[Any, tuple[Any, ...]] = {
    "ClusterIP": ("NodePort",),
    "TCP": ("UDP",),
    "IfNotPresent": ("Always",),
    "RollingUpdate": ("OnDelete",),
    "Retain": ("Delete",),
    "RuntimeDefault": ("Unconfined",),
    "DoNotSchedule": ("ScheduleAnyway",),
    "ScheduleAnyway": ("DoNotSchedule",),
    "Exists": ("Equal",),
    "NoExecute": ("NoSchedule",),
    "OnRootMismatch": ("Always",),
    "PathPrefix": ("Exact",),
    "Prefix": ("Exact",),
    "Pods": ("Percent",),
    "Utilization": ("AverageValue",),
    "Ingress": ("Egress",),
    "Egress": ("Ingress",),
    "cpu": ("memory",),
    "HTTP": ("HTTPS",),
    "metadata.labels['apps.kubernetes.io/pod-index']": ("metadata.name",),
}
"""What else values may be of which the API server knows all."""


def leaves(obj: Object) -> list[Leaf]:
    """All values that the operator stated of a live object, as its managed fields tell."""
    ours = (entry for entry in obj["metadata"]["managedFields"] if entry["manager"] == MANAGER)
    return sorted({leaf for entry in ours for leaf in _stated(entry["fieldsV1"], obj, ())}, key=str)


def value(obj: Any, leaf: Leaf) -> Any:
    """What is there; None when nothing is."""
    for step in leaf:
        try:
            obj = obj[step]
        except (KeyError, IndexError, TypeError):
            return None
    return obj


def others(given: Any) -> Iterator[Any]:
    """Values like this one that may be there instead, the likeliest to be taken first."""
    if isinstance(given, bool):
        yield not given
    elif isinstance(given, int):
        yield from (given + 1, given - 1, given + 100)
    elif isinstance(given, str):
        yield from OTHERS.get(given, ())
        yield from (f"{given}x", "x", "1", "7Mi", "10.1.2.0/24", base64.b64encode(b"drift").decode(), "")
        yield None


def changed(obj: Object, leaf: Leaf, other: Any) -> Object:
    """The merge patch after which that value is another, or is not there."""
    edited = deepcopy(obj)
    at: Any = edited
    for step in leaf[:-1]:
        at = at[step]
    at[leaf[-1]] = other
    if leaf[0] == "metadata":
        return {"metadata": {leaf[1]: edited["metadata"][leaf[1]]}}
    return {leaf[0]: edited[leaf[0]]}


def _stated(fields: dict[str, Any], live: Any, at: Leaf) -> Iterator[Leaf]:
    for name, tree in fields.items():
        if name == ".":
            continue
        step = _step(name, live)
        if any(inner != "." for inner in tree):
            yield from _stated(tree, live[step], (*at, step))
        else:
            yield from _scalars(live[step], (*at, step))


def _step(name: str, live: Any) -> str | int:
    kind, _, rest = name.partition(":")
    if kind == "f":
        return rest
    wanted = json.loads(rest)
    if kind == "k":
        return next(i for i, item in enumerate(live) if wanted.items() <= item.items())
    return next(i for i, item in enumerate(live) if item == wanted)


def _scalars(live: Any, at: Leaf) -> Iterator[Leaf]:
    if isinstance(live, dict):
        for step, inner in live.items():
            yield from _scalars(inner, (*at, step))
    elif isinstance(live, list):
        for index, inner in enumerate(live):
            yield from _scalars(inner, (*at, index))
    else:
        yield at
