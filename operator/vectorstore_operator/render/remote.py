"""What a pod before an engine elsewhere has instead of a volume: that engine's Secret, and room for files."""

from __future__ import annotations

from pathlib import Path

from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved

FOLDER = Path("/etc/vectorstore/engine")
SCRATCH = "1Gi"
"""For documents that are being read; nothing else is kept in such a pod."""


def volumes(store: Resolved) -> list[Object]:
    """The Secret's entries that are sent, and an empty folder where others have their data."""
    remote = store.remote
    if remote is None:
        return []
    found: list[Object] = [{"name": "data", "emptyDir": {"sizeLimit": SCRATCH}}]
    if remote.secret_name:
        items = [{"key": entry, "path": entry} for entry in remote.secret_entries]
        secret = {"secretName": remote.secret_name, "defaultMode": 0o440, "items": items}
        found.append({"name": "engine", "secret": secret})
    return found


def mounts(store: Resolved) -> list[Object]:
    """Where the pod has the Secret."""
    if store.remote is None or store.remote.secret_name is None:
        return []
    return [{"name": "engine", "mountPath": str(FOLDER), "readOnly": True}]
