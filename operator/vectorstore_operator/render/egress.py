"""Whom a store's pods reach beside DNS and each other: what the plan says, else the public Internet.

The latter only where an endpoint, an issuer or document URLs are used, on their ports, and without
the ranges that are a private network's, a node's or the pod's own: cloud metadata services among them.
"""

from __future__ import annotations

from vectorstore_operator.api.network import Egress
from vectorstore_operator.api.urls import hidden, port
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render.peers import peer, policy_port

PUBLIC: list[Object] = [
    {
        "ipBlock": {
            "cidr": "0.0.0.0/0",
            "except": [
                "0.0.0.0/8",
                "10.0.0.0/8",
                "100.64.0.0/10",
                "127.0.0.0/8",
                "169.254.0.0/16",
                "172.16.0.0/12",
                "192.168.0.0/16",
            ],
        }
    },
    {"ipBlock": {"cidr": "::/0", "except": ["::1/128", "fc00::/7", "fe80::/10"]}},
]
"""All but "this network", private, shared (CGNAT), loopback and link-local addresses:
https://www.iana.org/assignments/iana-ipv4-special-registry"""

SIGNED_PORT = 443
"""Of `presigned`, which takes https alone."""


def egress(store: Resolved) -> list[Object]:
    """Rules of the NetworkPolicy."""
    stated = store.plan.spec.network.egress
    if stated is not None:
        return [_rule(one) for one in stated]
    ports = {port(url) for url in urls(store)} | ({SIGNED_PORT} if "presigned" in _documents(store) else set())
    return [{"to": PUBLIC, "ports": [policy_port(number) for number in sorted(ports)]}] if ports else []


def urls(store: Resolved) -> list[str]:
    """Where the store's pods connect to."""
    endpoint, jwt = store.embedding.endpoint, store.spec.jwt
    engine = store.remote.url if store.remote else None
    used = [engine, endpoint.url if endpoint else None, *((jwt.issuer, jwt.jwks_url) if jwt else ())]
    return [url for url in (*used, *_documents(store)) if url and url != "presigned"]


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


def _rule(stated: Egress) -> Object:
    ports = {"ports": [policy_port(number) for number in stated.ports]} if stated.ports else {}
    return {"to": [peer(one) for one in stated.to], **ports}
