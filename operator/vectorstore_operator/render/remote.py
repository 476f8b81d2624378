"""What a pod before an engine elsewhere has instead of a volume: that engine's Secret, and room for files."""

from __future__ import annotations

from pathlib import Path

from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal

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


def missing(store: Resolved, secret: Object | None) -> Refusal | None:
    """Why pods could not start with a Secret, as it is found."""
    remote = store.remote
    if remote is None or remote.secret_name is None:
        return None
    name = remote.secret_name
    entries = (secret or {}).get("data") or {}
    lacking = [entry for entry in remote.secret_entries if not entries.get(entry)]
    if secret is None:
        what = f"there is no Secret {name!r} in namespace {store.namespace}"
    elif lacking:
        what = (
            f"Secret {name!r} in namespace {store.namespace} has no entry {' and none '.join(lacking)}, or an empty one"
        )
    else:
        return None
    files = " ".join(f"--from-file={entry}=FILE" for entry in remote.secret_entries)
    return Refusal(
        "SecretMissing",
        f"spec.engine.remote.secretName: {what}, which the engine at {remote.url} wants to see; make it: "
        f"kubectl create secret generic {name} -n {store.namespace} {files}",
        again=10,
    )
