"""Whom a store's pods reach beside DNS and each other: what the plan says, else the public Internet.

The latter only where an endpoint, an issuer or document URLs are used, on their ports, and without
the ranges that are a private network's, a node's or the pod's own: cloud metadata services among them.
"""

from __future__ import annotations

from vectorstore_operator.api.network import Egress
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.egress import ports
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


def egress(store: Resolved) -> list[Object]:
    """Rules of the NetworkPolicy."""
    stated = store.plan.spec.network.egress
    if stated is not None:
        return [_rule(one) for one in stated]
    used = ports(store)
    return [{"to": PUBLIC, "ports": [policy_port(number) for number in used]}] if used else []


def _rule(stated: Egress) -> Object:
    given = {"ports": [policy_port(number) for number in stated.ports]} if stated.ports else {}
    return {"to": [peer(one) for one in stated.to], **given}
