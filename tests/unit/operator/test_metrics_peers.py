"""Who reads the stores' metrics is let through to their management port, and nobody else is."""

from __future__ import annotations

from dataclasses import replace

from tests.support.desired import PLATFORM, store

from vectorstore_operator import names
from vectorstore_operator.render.networkpolicy import network_policy


def test_peers_that_read_metrics_reach_the_management_port_alone() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    policy = network_policy(store(), replace(PLATFORM, metrics_from=(peer,)))
    reached = [rule["ports"] for rule in policy["spec"]["ingress"] if peer in rule["from"]]
    assert [[port["port"] for port in ports] for ports in reached] == [[names.MANAGEMENT_PORT]]
