"""A store's life: its volume grows under its pod, others stand before it, it sleeps, wakes and is inherited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e import manifests
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.pods import Client
from tests.e2e.stores import Store

GROWS = "e2e-grows"
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


@pytest.fixture(scope="module")
def grows(cluster: Cluster) -> Iterator[str]:
    """A StorageClass that says its volumes can grow: the driver's answers are the test's."""
    classes = json.loads(cluster.kubectl("get", "storageclass", "-o", "json"))["items"]
    default = next(c for c in classes if "storageclass.kubernetes.io/is-default-class" in c["metadata"]["annotations"])
    head = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": GROWS}}
    fields = ("provisioner", "reclaimPolicy", "volumeBindingMode", "parameters")
    cluster.apply(head | {f: default[f] for f in fields if f in default} | {"allowVolumeExpansion": True})
    yield GROWS
    cluster.delete("storageclass", GROWS)


@pytest.fixture(scope="module")
def store(cluster: Cluster, client: Client, grows: str) -> Store:
    """A store of vectors with one row."""
    store = Store(cluster, "acme", model="none", dimension=3, storage={"className": grows, "size": "4Gi"})
    made = store.ask(client, "POST", COLLECTIONS, {"name": "facts", "get_or_create": True})
    row = {"ids": ["one"], "embeddings": [[1.0, 2.0, 3.0]], "documents": ["kept"]}
    store.ask(client, "POST", f"{COLLECTIONS}/{made['id']}/upsert", row)
    return store


def kept(store: Store, client: Client) -> list[Any]:
    """What the store's row says."""
    found = store.ask(client, "GET", f"{COLLECTIONS}/facts")
    rows = store.ask(client, "POST", f"{COLLECTIONS}/{found['id']}/get", {"ids": ["one"], "include": ["documents"]})
    documents: list[Any] = rows["documents"]
    return documents


def healthy(cluster: Cluster, reason: str) -> None:
    told = cluster.condition("vst/acme", "StorageHealthy")
    assert told["reason"] == reason, told


def test_a_volume_grows_under_a_pod_that_stays(cluster: Cluster, client: Client, store: Store) -> None:
    pod, former = store.pod(), cluster.get("sts", "acme")
    since = cluster.condition("vst/acme", "Ready")["lastTransitionTime"]
    store.apply(model="none", dimension=3, storage={"className": GROWS, "size": "5Gi"})
    cluster.wait("pvc/data-acme-0", "jsonpath={.spec.resources.requests.storage}=5Gi")

    def made_anew() -> None:
        again = cluster.get("sts", "acme")
        assert again["metadata"]["uid"] != former["metadata"]["uid"]
        assert again["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == "5Gi"
        assert again["status"]["readyReplicas"] == 1
        (owner,) = store.pod()["metadata"]["ownerReferences"]
        assert owner["uid"] == again["metadata"]["uid"]

    eventually(made_anew)
    eventually(lambda: healthy(cluster, "Growing"))
    status = json.dumps({"status": {"capacity": {"storage": "5Gi"}}})
    cluster.kubectl("patch", "pvc", "data-acme-0", "--subresource=status", "--type=merge", "-p", status)
    eventually(lambda: healthy(cluster, "Bound"))

    same = store.pod()
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    assert same["status"]["containerStatuses"][0]["restartCount"] == 0
    ready = cluster.condition("vst/acme", "Ready")
    assert (ready["status"], ready["lastTransitionTime"]) == ("True", since)
    assert kept(store, client) == ["kept"]


def test_others_stand_before_it_without_a_volume(cluster: Cluster, client: Client, store: Store) -> None:
    to = [{"podSelector": {"matchLabels": {"vectorstore.dev/store": "acme"}}}]
    far = {"remoteEngines": [store.url], "network": {"egress": [{"to": to, "ports": [8000]}]}}
    cluster.apply(
        manifests.plan("e2e-far", replicas={"min": 2, "max": 2}, **far),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "acme-key"}, "stringData": {"token": store.key()}},
    )
    try:
        remote = {"url": store.url, "secretName": "acme-key"}
        door = Store(cluster, "door", plan="e2e-far", model="none", dimension=3, engine={"remote": remote})
        assert kept(door, client) == ["kept"]
        found = door.ask(client, "GET", f"{COLLECTIONS}/facts")
        row = {"ids": ["two"], "embeddings": [[3.0, 2.0, 1.0]], "documents": ["through the door"]}
        door.ask(client, "POST", f"{COLLECTIONS}/{found['id']}/upsert", row)
        assert store.ask(client, "GET", f"{COLLECTIONS}/{found['id']}/count") == 2
        assert not cluster.exists("pvc", "data-door-0")
        assert len(cluster.list("pods", "vectorstore.dev/store=door")) == 2
        assert client.request("GET", f"{door.url}{COLLECTIONS}/facts", store.key())[0] == 401
        cluster.delete("vst", "door")
    finally:
        cluster.delete("vstplan", "e2e-far")


def test_it_sleeps_and_wakes_with_what_it_held(cluster: Cluster, client: Client, store: Store) -> None:
    spec = {"model": "none", "dimension": 3, "storage": {"className": GROWS, "size": "5Gi"}}
    claim, key = cluster.get("pvc", "data-acme-0")["metadata"]["uid"], store.key()
    store.apply(**spec, hibernated=True)
    cluster.wait("pod/acme-0", "delete")
    cluster.wait("vst/acme", "jsonpath={.status.conditions[?(@.type=='Ready')].reason}=Hibernated")
    assert cluster.get("pvc", "data-acme-0")["metadata"]["uid"] == claim
    store.apply(**spec)
    store.ready()
    assert (store.key(), kept(store, client)) == (key, ["kept"])


def test_a_volume_of_another_model_says_so(cluster: Cluster, store: Store) -> None:
    cluster.delete("vst", "acme")
    cluster.wait("pod/acme-0", "delete")
    cluster.apply(manifests.store("acme", storage={"className": GROWS}))

    def told() -> None:
        ready = cluster.condition("vst/acme", "Ready")
        assert ready["reason"] == "Crashing", ready
        assert "MODEL_NAME: all-MiniLM-L6-v2 is set, and the data in /data was embedded with none" in ready["message"]

    eventually(told)
    cluster.delete("vst", "acme")
