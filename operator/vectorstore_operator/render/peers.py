"""Both ends of a connection in the words of a NetworkPolicy."""

from __future__ import annotations

from vectorstore_operator.api.network import IpBlock, LabelSelector, Peer
from vectorstore_operator.objects import Object


def peer(stated: Peer) -> Object:
    """Whom a plan names."""
    if stated.ip_block is not None:
        return {"ipBlock": _range(stated.ip_block)}
    selectors = {"namespaceSelector": stated.namespace_selector, "podSelector": stated.pod_selector}
    given = {name: _selector(labels) for name, labels in selectors.items() if labels is not None}
    return given or {"podSelector": {}}  # all pods of the store's namespace; an empty peer is none to the API server


def policy_port(number: int, protocol: str = "TCP") -> Object:
    """A port, as pods see it."""
    return {"port": number, "protocol": protocol}


def _range(block: IpBlock) -> Object:
    return {"cidr": block.cidr, **({"except": block.except_} if block.except_ else {})}


def _selector(labels: LabelSelector) -> Object:
    return {"matchLabels": labels.match_labels} if labels.match_labels else {}
