"""What goes with a store and what stays."""

from __future__ import annotations

from tests.e2e.cluster import Cluster
from tests.e2e.pods import Client
from tests.e2e.stores import Store


def test_a_deleted_store_keeps_its_volume_and_a_new_one_adopts_it(cluster: Cluster, client: Client) -> None:
    store = Store(cluster, "acme")
    store.ask(client, "POST", "/embed/", {"ids": ["one"], "documents": ["I was here before."]})
    key, claim = store.key(), cluster.get("pvc", "data-acme-0")["metadata"]["uid"]
    cluster.delete("vst", "acme")
    cluster.wait("pod/acme-0", "delete")
    assert cluster.get("pvc", "data-acme-0")["status"]["phase"] == "Bound"

    again = Store(cluster, "acme")
    assert cluster.get("pvc", "data-acme-0")["metadata"]["uid"] == claim
    assert again.key() != key
    assert client.request("GET", f"{again.url}/stats", key)[0] == 401
    found = again.ask(client, "POST", "/search/", {"query": "Who was here before?", "n_results": 1})
    assert found["results"][0]["document"] == "I was here before."


def test_the_policy_delete_takes_the_volume_along(cluster: Cluster) -> None:
    Store(cluster, "brief", deletionPolicy="Delete")
    assert cluster.exists("pvc", "data-brief-0")
    cluster.delete("vst", "brief")
    cluster.wait("pvc/data-brief-0", "delete")
