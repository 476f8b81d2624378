"""What cannot work says why, in the right place, and the others go on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.e2e import manifests
from tests.e2e.cluster import Cluster, CommandFailed
from tests.e2e.pods import Client
from tests.e2e.stores import Store


@pytest.mark.parametrize(
    ("name", "spec", "told"),
    [
        ("x" * 41, {}, "metadata.name: at most 40"),
        ("a.dot", {}, "metadata.name: at most 40"),
        ("bad", {"model": "g p t"}, "spec.model"),
        ("bad", {"dimension": 4}, "dimension goes with model: none"),
        ("bad", {"quota": {"documents": -1}}, "spec.quota.documents"),
        ("bad", {"replicas": 17}, "spec.replicas"),
        ("bad", {"quotas": {"documents": 1}}, "quotas"),
    ],
)
def test_the_api_server_refuses(cluster: Cluster, name: str, spec: dict[str, Any], told: str) -> None:
    with pytest.raises(CommandFailed, match=told):
        cluster.apply(manifests.store(name, **spec))


@pytest.mark.parametrize(
    ("name", "spec", "told"),
    [
        ("unknown-plan", {"plan": "gold"}, "gold"),
        ("unknown-model", {"model": "gpt-9"}, "gpt-9"),
        ("above-plan", {"quota": {"documents": 1_000_000}}, "5000"),
        ("too-small", {"storage": {"size": "1Mi"}}, "storage"),
    ],
)
def test_the_store_itself_says_why_it_is_not_accepted(
    cluster: Cluster, name: str, spec: dict[str, Any], told: str
) -> None:
    cluster.apply(manifests.store(name, **spec))
    cluster.wait(f"vst/{name}", "condition=Accepted=False")
    assert told in cluster.condition(f"vst/{name}", "Accepted")["message"]
    assert not cluster.exists("statefulset", name)


def test_a_fixed_field_cannot_be_changed(cluster: Cluster) -> None:
    cluster.apply(manifests.store("fixed", model="none", dimension=4))
    with pytest.raises(CommandFailed, match="fixed when the store is made"):
        cluster.apply(manifests.store("fixed", model="none", dimension=8))


def test_a_foreign_object_of_a_child_s_name_is_left_alone(cluster: Cluster) -> None:
    foreign = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "taken-limits"}, "data": {"mine": "yes"}}
    cluster.apply(foreign, manifests.store("taken"))
    cluster.wait("vst/taken", "condition=Ready=False")
    assert "taken-limits" in cluster.kubectl("describe", "vst", "taken")
    assert cluster.get("configmap", "taken-limits")["data"] == {"mine": "yes"}


def test_a_bad_edit_leaves_the_store_serving_and_other_stores_too(cluster: Cluster, client: Client) -> None:
    store = Store(cluster, "good")
    uid = store.pod()["metadata"]["uid"]
    store.apply(quota={"documents": 1_000_000})
    cluster.wait("vst/good", "condition=Accepted=False")
    assert store.ask(client, "GET", "/stats")["limit"] == 5000
    assert store.pod()["metadata"]["uid"] == uid
    Store(cluster, "another")
    store.apply()
    cluster.wait("vst/good", "condition=Accepted")
