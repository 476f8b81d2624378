"""Secrets of a store's namespace that its pods start with, and why one will not do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_operator.names import EMBEDDING_KEY
from vectorstore_operator.objects import Object
from vectorstore_operator.plan.resolved import Resolved
from vectorstore_operator.refusal import Refusal

CERTIFICATE = ("tls.crt", "tls.key")
"""Entries of a Secret of type kubernetes.io/tls."""


@dataclass(frozen=True)
class Need:
    """One Secret."""

    field: str
    """Where it is named."""
    secret: str
    entries: tuple[str, ...]
    """What must be in it."""
    purpose: str
    remedy: str
    reason: str = "SecretMissing"


def needed(store: Resolved) -> list[Need]:
    """All that a store's pods start with."""
    found = (_certificate(store), _engine(store), _endpoint(store))
    return [need for need in found if need]


def lacking(need: Need, namespace: str, live: Object | None) -> Refusal | None:
    """Why pods could not start with a Secret, as it is found; None if they can."""
    missing = [entry for entry in need.entries if not ((live or {}).get("data") or {}).get(entry)]
    if not missing:
        return None
    if live is None:
        what = f"there is no Secret {need.secret!r} in namespace {namespace}"
    else:
        has = f"has no entry {' and none '.join(missing)}, or an empty one"
        what = f"Secret {need.secret!r} in namespace {namespace} {has}"
    return Refusal(need.reason, f"{need.field}: {what}, which {need.purpose}; {need.remedy}", again=10)


def _certificate(store: Resolved) -> Need | None:
    if store.spec.tls is None:
        return None
    name = store.spec.tls.secret_name
    make = f"kubectl create secret tls {name} -n {store.namespace} --cert=tls.crt --key=tls.key"
    return Need(
        "spec.tls.secretName",
        name,
        CERTIFICATE,
        "the pods show to clients",
        f"make it: {make}; or remove tls",
        "CertificateMissing",
    )


def _engine(store: Resolved) -> Need | None:
    remote = store.remote
    if remote is None or remote.secret_name is None:
        return None
    return Need(
        "spec.engine.remote.secretName",
        remote.secret_name,
        remote.secret_entries,
        f"the engine at {remote.url} wants to see",
        f"make it: {_generic(store, remote.secret_name, remote.secret_entries)}",
    )


def _endpoint(store: Resolved) -> Need | None:
    secret = store.embedding.secret
    if secret is None:
        return None
    own = store.spec.embedding and store.spec.embedding.secret_name
    return Need(
        "spec.embedding.secretName" if own else f"secretName of {store.model} in plan {store.plan.name}",
        secret,
        (EMBEDDING_KEY,),
        "the model's endpoint wants",
        f"put the key there: {_generic(store, secret, (EMBEDDING_KEY,))}",
    )


def _generic(store: Resolved, secret: str, entries: tuple[str, ...]) -> str:
    files = " ".join(f"--from-file={entry}=FILE" for entry in entries)
    return f"kubectl create secret generic {secret} -n {store.namespace} {files}"
