"""Kubernetes objects as plain JSON, and what the operator reads from any of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vectorstore_operator import names

Object = dict[str, Any]
"""A Kubernetes object as JSON."""

Children = Mapping[tuple[str, str], Object]
"""A store's live children: (kind, name) -> object."""


def key(obj: Object) -> tuple[str, str]:
    """What an object goes by among a store's children."""
    return obj["kind"], obj["metadata"]["name"]


def canonical(value: object) -> str:
    """JSON in the one way that tells equal values by equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def controller(obj: Object) -> Object | None:
    """The reference to the object's controller, if it has one."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((ref for ref in references if ref.get("controller")), None)


def paused(store: Object) -> bool:
    """Whether a store's children are to stay as they are."""
    return bool((store.get("spec") or {}).get("paused"))


def belongs(obj: Object, store: str, uid: str) -> bool:
    """Whether an object is a child of this store: controlled by it, or an orphan that bears its labels.

    Orphans are what `kubectl delete --cascade=orphan` and a hand that takes the reference away leave behind.
    """
    owner = controller(obj)
    if owner is not None:
        return bool(owner["uid"] == uid)
    return names.labels(store).items() <= (obj["metadata"].get("labels") or {}).items()
