"""The key of an embedding endpoint: a folder in the pod, of a Secret that the store's namespace has."""

from __future__ import annotations

from pathlib import Path

from vectorstore_operator.names import EMBEDDING_KEY
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved

FOLDER = Path("/etc/vectorstore/embedding")


def volumes(store: Resolved) -> list[Object]:
    """The Secret's entry as a volume, and nothing else of the Secret."""
    if store.embedding.secret is None:
        return []
    items = [{"key": EMBEDDING_KEY, "path": EMBEDDING_KEY}]
    secret = {"secretName": store.embedding.secret, "defaultMode": 0o440, "items": items}
    return [{"name": "embedding", "secret": secret}]


def mounts(store: Resolved) -> list[Object]:
    """Where the pod has it."""
    return [{"name": v["name"], "mountPath": str(FOLDER), "readOnly": True} for v in volumes(store)]
