"""The certificate of a store's pods: a Secret of its namespace, mounted as a folder."""

from __future__ import annotations

from pathlib import Path

from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.address import scheme


def volumes(store: Resolved) -> list[Object]:
    """The pod's volume with it."""
    if store.spec.tls is None:
        return []
    return [{"name": "tls", "secret": {"secretName": store.spec.tls.secret_name, "defaultMode": 0o440}}]


def mounts(store: Resolved, folder: Path) -> list[Object]:
    """Where the container finds it."""
    return [{"name": "tls", "mountPath": str(folder), "readOnly": True}] if store.spec.tls else []


def leader_url(store: Resolved) -> str:
    """Where a store's followers ask its leader, which shows the same certificate as they do."""
    return names.leader_url(scheme(store), store.name, store.namespace)
