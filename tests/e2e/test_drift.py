"""Children that somebody deletes or edits come back."""

from __future__ import annotations

import pytest
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.pods import Client
from tests.e2e.stores import Store


@pytest.fixture(scope="module")
def store(cluster: Cluster, client: Client) -> Store:
    store = Store(cluster, "acme")
    store.ask(client, "POST", "/embed/", {"ids": ["one"], "documents": ["Here I am."]})
    return store


@pytest.mark.parametrize(
    "child",
    [
        "service/acme",
        "service/acme-headless",
        "configmap/acme-limits",
        "secret/acme-keys",
        "networkpolicy/acme",
        "serviceaccount/acme",
        "statefulset/acme",
    ],
)
def test_a_deleted_child_comes_back_and_the_store_serves(
    cluster: Cluster, store: Store, client: Client, child: str
) -> None:
    kind, name = child.split("/")
    uid = cluster.get(kind, name)["metadata"]["uid"]
    cluster.kubectl("delete", child, "--wait=false")

    def back() -> None:
        assert cluster.exists(kind, name), f"{child} is still missing"
        assert cluster.get(kind, name)["metadata"]["uid"] != uid, f"{child} is still the old one"

    eventually(back)
    store.ready()
    eventually(lambda: store.ask(client, "GET", "/stats"), timeout=30)
    assert store.ask(client, "GET", "/stats")["documents"] == 1


def test_an_edited_child_is_set_right(cluster: Cluster, store: Store) -> None:
    patch = '{"spec": {"ports": [{"port": 8000, "targetPort": 1234}]}}'
    wanted = cluster.get("service", "acme")["spec"]["ports"][0]["targetPort"]
    cluster.kubectl("patch", "service", "acme", "-p", patch)
    cluster.wait("service/acme", f"jsonpath={{.spec.ports[0].targetPort}}={wanted}")


def test_a_lost_key_secret_is_made_anew_and_works(cluster: Cluster, store: Store, client: Client) -> None:
    old = store.key()
    cluster.kubectl("delete", "secret", "acme-credentials", "--wait=false")

    def renewed() -> None:
        assert cluster.exists("secret", "acme-credentials"), "the Secret is still missing"
        assert store.key() != old
        store.ask(client, "GET", "/stats")

    eventually(renewed, timeout=150, every=2)
