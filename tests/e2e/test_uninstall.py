"""The operator goes and comes: its tenants do not notice."""

from __future__ import annotations

from tests.e2e.chart import Chart
from tests.e2e.cluster import Cluster, Object
from tests.e2e.pods import Client
from tests.e2e.stores import Store


def identity(cluster: Cluster) -> Object:
    """What must not change: every pod with its restarts, every Secret with its content."""
    pods = {
        pod["metadata"]["name"]: (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"])
        for pod in cluster.list("pods")
    }
    secrets = {s["metadata"]["name"]: (s["metadata"]["uid"], s["data"]) for s in cluster.list("secrets")}
    return {"pods": pods, "secrets": secrets}


def versions(cluster: Cluster, kinds: str) -> dict[str, str]:
    return {o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in cluster.list(kinds)}


def test_uninstall_leaves_tenants_serving_and_install_touches_none(
    chart: Chart, cluster: Cluster, client: Client
) -> None:
    store = Store(cluster, "acme")
    store.ask(client, "POST", "/embed/", {"documents": ["still here"]})
    before, secrets, plans = identity(cluster), versions(cluster, "secrets"), cluster.list("vstplan")

    chart.uninstall()
    assert store.ask(client, "GET", "/stats")["documents"] == 1
    assert identity(cluster) == before
    assert {p["metadata"]["uid"] for p in cluster.list("vstplan")} == {p["metadata"]["uid"] for p in plans}

    chart.install()
    Store(cluster, "proof-that-it-works")
    for name in ("client", "acme-0"):
        assert identity(cluster)["pods"][name] == before["pods"][name]
    assert {name: versions(cluster, "secrets")[name] for name in secrets} == secrets
    assert store.ask(client, "GET", "/stats")["documents"] == 1


def test_an_upgrade_of_the_chart_restarts_no_tenant(chart: Chart, cluster: Cluster, client: Client) -> None:
    store = Store(cluster, "upgraded")
    pod = store.pod()["metadata"]["uid"]
    chart.install("--set", "podAnnotations.edition=second")
    Store(cluster, "proof-of-the-second")
    assert store.pod()["metadata"]["uid"] == pod
