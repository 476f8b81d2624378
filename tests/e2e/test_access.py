"""Nobody reads or writes without a key of the store, whichever way he comes."""

from __future__ import annotations

import pytest
from tests.e2e.cluster import Cluster
from tests.e2e.pods import Client
from tests.e2e.stores import Store


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return Store(cluster, "acme")


@pytest.mark.parametrize("key", [None, "wrong"])
@pytest.mark.parametrize("path", ["/stats", "/api/v2/tenants/default_tenant/databases/default_database/collections"])
@pytest.mark.parametrize("way", ["service", "pod address"])
def test_a_request_without_a_right_key_is_refused(
    store: Store, client: Client, way: str, path: str, key: str | None
) -> None:
    base = store.url if way == "service" else f"http://{store.pod()['status']['podIP']}:8000"
    status, answer = client.request("GET", base + path, key)
    assert (status, answer["error"]) == (401, "AuthorizationError")


def test_the_key_of_another_store_is_refused(cluster: Cluster, store: Store, client: Client) -> None:
    other = Store(cluster, "other")
    assert client.request("GET", f"{store.url}/stats", other.key())[0] == 401


def test_the_read_only_key_reads_and_does_not_write(store: Store, client: Client) -> None:
    key = store.key("read-only")
    assert client.request("GET", f"{store.url}/stats", key)[0] == 200
    assert client.request("POST", f"{store.url}/embed/", key, {"documents": ["x"]})[0] == 403


def test_no_plaintext_key_is_mounted(store: Store, client: Client) -> None:
    """Only the key with which pods of one store ask each other."""
    files = store.cluster.kubectl("exec", "acme-0", "--", "sh", "-c", 'cat "$KEYS_DIR"/*')
    assert "sha256:" in files
    assert store.key() not in files
    assert store.key("read-only") not in files
