"""What a store's children are called and how they are told apart, for whoever makes or looks for them."""

from __future__ import annotations

MANAGER = "vectorstore-operator"
STORE_LABEL = "vectorstore.dev/store"
HASH_ANNOTATION = "vectorstore.dev/hash"
"""Digest of what the operator last applied: tells of fields it does not state any more."""

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""What every namespace of a cluster bears, and the only label that one has on a single machine."""

EMBEDDING_KEY = "api-key"
"""The entry of a Secret that holds the key of an embedding endpoint."""

PORT = 8000
MANAGEMENT_PORT = 9090


def labels(store: str) -> dict[str, str]:
    """Labels of all that belongs to a store: its children, their pods and their claims."""
    return {
        "app.kubernetes.io/name": "vectorstore",
        "app.kubernetes.io/instance": store,
        "app.kubernetes.io/managed-by": MANAGER,
        STORE_LABEL: store,
    }


def selector(store: str) -> dict[str, str]:
    """Labels that pick a store's pods. Fixed for ever: a StatefulSet's selector cannot be changed."""
    return {STORE_LABEL: store}


def credentials(store: str) -> str:
    """The Secret with the keys in plain text, for the tenant."""
    return f"{store}-credentials"


def keys(store: str) -> str:
    """The Secret with the keys' digests, for the pods."""
    return f"{store}-keys"


def limits(store: str) -> str:
    """The ConfigMap with what the tenant may do."""
    return f"{store}-limits"


def headless(store: str) -> str:
    """The Service that gives every pod a name of its own."""
    return f"{store}-headless"


def claim(store: str, ordinal: int) -> str:
    """The volume claim of one pod."""
    return f"data-{store}-{ordinal}"


def certificate(store: str) -> str:
    """The Secret with the certificate that an issuer makes for an Ingress."""
    return f"{store}-tls"


def host(store: str, namespace: str) -> str:
    """Where clients reach a store inside the cluster."""
    return f"{store}.{namespace}.svc"


def leader_url(scheme: str, store: str, namespace: str) -> str:
    """Where ordinal 0, the only writer, answers."""
    return f"{scheme}://{store}-0.{headless(store)}.{namespace}.svc:{PORT}"


JOB_LABELS = {"app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/component": "backup"}
"""What pods of backups and restores are known by, in the operator's namespace."""
BACKUP_LABEL = "vectorstore.dev/backup"
"""On Jobs, their Secrets and pods: the uid of what they are for, a backup's or a store's."""
SCHEDULED_LABEL = "vectorstore.dev/scheduled"
"""On backups that a schedule made: `true`. Only those are pruned."""
ADOPTED_ANNOTATION = "vectorstore.dev/adopted"
"""On backups that stand for archives there are already: `true`. Whoever makes the object writes its status."""
ASKED_LABEL = "vectorstore.dev/asked-by"
"""On backups that somebody else than the owner of the namespace asked for: `tenant`, a holder of a store's key."""
