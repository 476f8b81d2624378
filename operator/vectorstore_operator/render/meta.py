"""What every child has: its name, labels and owner, and a digest of all that is stated of it."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

from vectorstore_operator import names
from vectorstore_operator.api import API_VERSION
from vectorstore_operator.objects import Object, canonical
from vectorstore_operator.plan import Resolved


class Store(Protocol):
    """Which store an object is of."""

    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def uid(self) -> str: ...


def child(store: Store, api_version: str, kind: str, name: str, **body: Any) -> Object:
    """A child of the store with everything but the digest."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": store.namespace,
            "labels": names.labels(store.name),
            "ownerReferences": [owner(store) | {"controller": True}],
        },
        **body,
    }


def owner(store: Store) -> Object:
    """The reference that takes an object away with its store."""
    return {
        "apiVersion": API_VERSION,
        "kind": "VectorStore",
        "name": store.name,
        "uid": store.uid,
        "blockOwnerDeletion": True,
    }


def marked(store: Resolved, obj: Object) -> Object:
    """The object with the annotations that tell what the store was made from."""
    if not store.marks:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "annotations": dict(store.marks)}}


def hashed(obj: Object) -> Object:
    """The object with the digest of itself among its annotations."""
    digest = hashlib.sha256(canonical(obj).encode()).hexdigest()[:16]
    annotations = obj["metadata"].get("annotations", {})
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations | {names.HASH_ANNOTATION: digest}}}
