"""Who reaches a store's pods and whom they reach: nobody but those named here.

The kubelet's probes come from the node, which no NetworkPolicy keeps out.
"""

from __future__ import annotations

from collections.abc import Mapping

from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.egress import egress
from vectorstore_operator.render.meta import child
from vectorstore_operator.render.peers import peer, policy_port
from vectorstore_operator.render.platform import Platform

DNS_SERVERS: list[Object] = [
    {"namespaceSelector": {}},
    {"ipBlock": {"cidr": "169.254.20.10/32"}},  # NodeLocal DNSCache, which is no pod to a selector
]
DNS_PORTS = (53, 5353)
"""The second is where OpenShift's pods listen, and policies see ports of pods."""


def network_policy(store: Resolved, platform: Platform) -> Object:
    """The store's NetworkPolicy."""
    own: Object = {"podSelector": {"matchLabels": names.selector(store.name)}}
    operator = _pods(platform, platform.operator_labels)
    jobs = [] if store.remote else [_pods(platform, names.JOB_LABELS)]
    dns = [policy_port(number, protocol) for number in DNS_PORTS for protocol in ("UDP", "TCP")]
    spec = {
        **own,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {"from": [*_clients(store), own], "ports": [policy_port(names.PORT)]},
            {"from": [operator, *jobs, *platform.metrics_from], "ports": [policy_port(names.MANAGEMENT_PORT)]},
        ],
        "egress": [
            {"to": DNS_SERVERS, "ports": dns},
            {"to": [own], "ports": [policy_port(names.PORT)]},
            *egress(store),
        ],
    }
    return child(store, "networking.k8s.io/v1", "NetworkPolicy", store.name, spec=spec)


def _pods(platform: Platform, labels: Mapping[str, str]) -> Object:
    """Pods of the operator's namespace."""
    return {
        "namespaceSelector": {"matchLabels": {names.NAMESPACE_LABEL: platform.operator_namespace}},
        "podSelector": {"matchLabels": dict(labels)},
    }


def _clients(store: Resolved) -> list[Object]:
    clients = store.plan.spec.network.clients
    return [{"podSelector": {}}] if clients is None else [peer(one) for one in clients]
