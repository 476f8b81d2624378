"""What every child has: its name, labels and owner, and a digest of all that is stated of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from vectorstore_operator import names
from vectorstore_operator.api import API_VERSION
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved


def child(store: Resolved, api_version: str, kind: str, name: str, **body: Any) -> Object:
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


def owner(store: Resolved) -> Object:
    """The reference that takes an object away with its store."""
    return {
        "apiVersion": API_VERSION,
        "kind": "VectorStore",
        "name": store.name,
        "uid": store.uid,
        "blockOwnerDeletion": True,
    }


def hashed(obj: Object) -> Object:
    """The object with the digest of itself among its annotations."""
    text = json.dumps(obj, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    annotations = obj["metadata"].get("annotations", {})
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations | {names.HASH_ANNOTATION: digest}}}
