"""The quota holds, and a higher one reaches the running pod."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, eventually
from tests.e2e.pods import Client
from tests.e2e.stores import Store

KUBELET = 150
"""Seconds in which the kubelet shows a changed ConfigMap to a pod: its sync period and its cache."""


def documents(begin: int, end: int) -> dict[str, list[str]]:
    numbers = range(begin, end)
    return {"ids": [str(n) for n in numbers], "documents": [f"document number {n}" for n in numbers]}


def test_the_quota_holds_and_is_raised_without_a_restart(cluster: Cluster, client: Client) -> None:
    store = Store(cluster, "acme", quota={"documents": 20})

    def embed(begin: int, end: int) -> tuple[int, dict[str, str]]:
        return client.request("POST", f"{store.url}/embed/", store.key(), documents(begin, end))

    status, answer = embed(0, 21)
    assert (status, answer["error"]) == (429, "QuotaError")
    assert store.ask(client, "GET", "/stats")["documents"] == 0, "a refused batch left something behind"
    assert embed(0, 20)[0] == 200
    status, answer = embed(20, 21)
    assert (status, answer["error"]) == (429, "QuotaError")
    assert "20" in answer["message"]

    before = store.pod()
    store.apply(quota={"documents": 25})

    def accepted() -> None:
        status, answer = embed(20, 25)
        assert status == 200, answer

    eventually(accepted, KUBELET, every=2)
    after = store.pod()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
    assert store.ask(client, "GET", "/stats")["limit"] == 25

    def told() -> None:
        status = cluster.get("vst", "acme")["status"]
        assert status["documents"] == "25/25"
        assert status["bytes"] > 0
        assert status["lastRequest"].endswith("Z")

    eventually(told, 90, every=2)  # the operator asks once a minute
