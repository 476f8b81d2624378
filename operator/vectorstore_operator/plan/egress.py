"""Whom a store's pods have to reach, and why they would not. Pure."""

from __future__ import annotations

from vectorstore_operator.api.urls import hidden, port
from vectorstore_operator.plan.resolved import Resolved
from vectorstore_operator.refusal import Refusal

SIGNED_PORT = 443
"""Of `presigned`, which takes https alone."""


def urls(store: Resolved) -> list[str]:
    """Where the store's pods connect to."""
    endpoint, jwt = store.embedding.endpoint, store.spec.jwt
    engine = store.remote.url if store.remote else None
    used = [engine, endpoint.url if endpoint else None, *((jwt.issuer, jwt.jwks_url) if jwt else ())]
    return [url for url in (*used, *_documents(store)) if url and url != "presigned"]


def ports(store: Resolved) -> list[int]:
    """On which ports, in order."""
    return sorted({port(url) for url in urls(store)} | ({SIGNED_PORT} if "presigned" in _documents(store) else set()))


def unreachable(store: Resolved) -> Refusal | None:
    """Why the pods would not reach what they should: it is no public address, and the plan says of no other."""
    if store.plan.spec.network.egress is not None:
        return None
    for url in urls(store):
        if hidden(url):
            return Refusal(
                "EgressMissing",
                f"plan {store.plan.name}: network.egress: left out, which lets pods reach public addresses alone, and "
                f"{url} is none; state whom they reach, with its port {port(url)}",
            )
    return None


def _documents(store: Resolved) -> list[str]:
    return (store.plan.spec.document_urls or []) if store.embeds else []
