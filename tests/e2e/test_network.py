"""NetworkPolicy: the tenant's port for the tenant's namespace, the management port for the operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.cluster import Cluster
from tests.e2e.pods import Client
from tests.e2e.stores import Store

ELSEWHERE = ("kubernetes.default.svc", 443)
"""What any pod reaches that no policy holds back."""


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return Store(cluster, "acme")


@pytest.fixture(scope="module")
def foreigner(cluster: Cluster) -> Iterator[Client]:
    """A pod in another namespace."""
    with Cluster(f"{cluster.namespace}-foreign") as elsewhere:
        yield Client.create(elsewhere)


def test_probes_pass_the_policy(cluster: Cluster, store: Store) -> None:
    assert cluster.exists("networkpolicy", "acme")
    cluster.wait("pod/acme-0", "condition=Ready")


def test_a_neighbour_reaches_the_tenant_port_alone(store: Store, client: Client) -> None:
    address = store.pod()["status"]["podIP"]
    assert client.connects(f"acme.{store.cluster.namespace}.svc", 8000)
    assert client.connects(address, 8000)
    assert not client.connects(address, 9090)


@pytest.mark.parametrize("port", [8000, 9090])
def test_a_foreign_pod_reaches_nothing(store: Store, foreigner: Client, port: int) -> None:
    assert foreigner.connects(*ELSEWHERE)
    assert not foreigner.connects(store.pod()["status"]["podIP"], port)


def test_the_operator_reads_usage_through_the_policy(cluster: Cluster, store: Store, client: Client) -> None:
    store.ask(client, "POST", "/embed/", {"documents": ["one", "two"]})
    cluster.wait("vst/acme", "jsonpath={.status.documents}=2/5000", timeout=150)


def test_a_pod_reaches_nothing_outside(cluster: Cluster, store: Store, client: Client) -> None:
    """Egress: a store that is taken over calls nobody."""
    assert client.connects(*ELSEWHERE)
    assert not Client(cluster, "acme-0").connects(*ELSEWHERE)
