"""Real load, a real metric, more pods: and every one answers with the leader's data."""

from __future__ import annotations

import json

import pytest
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.corpus import passages
from tests.e2e.pods import Client
from tests.e2e.stores import Store

LOAD = """
import json, sys, threading, urllib.request
url, key = sys.argv[1:]
headers = {'x-chroma-token': key, 'content-type': 'application/json'}
body = json.dumps({'query': 'how does a class inherit from another one? ' * 8}).encode()
def go():
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).read()
        except OSError:
            pass
threads = [threading.Thread(target=go, daemon=True) for _ in range(4)]
[t.start() for t in threads]
print('loading', flush=True)
[t.join(240) for t in threads]
"""


@pytest.fixture(scope="module")
def store(cluster: Cluster, client: Client) -> Store:
    store = Store(cluster, "acme", plan="e2e-scaling")
    corpus = passages(most=60)
    store.ask(client, "POST", "/embed/", {"ids": list(corpus), "documents": list(corpus.values())})
    return store


def test_load_brings_followers_that_answer_as_the_leader(cluster: Cluster, store: Store, client: Client) -> None:
    def metric() -> int:
        metrics = cluster.get("hpa", "acme")["status"].get("currentMetrics") or []
        used = [m["resource"]["current"].get("averageUtilization") for m in metrics if m["type"] == "Resource"]
        assert used, "the autoscaler has no CPU metric"
        assert used[0] is not None
        return int(used[0])

    def scaled() -> None:
        assert cluster.get("vst", "acme")["status"]["readyReplicas"] >= 2

    eventually(metric)
    with client.start(LOAD, f"{store.url}/search/", store.key()) as printed:
        assert printed.readline() == "loading\n"
        eventually(scaled, timeout=240)
        assert metric() > 0
        assert cluster.get("vst", "acme")["spec"]["replicas"] >= 2, "the autoscaler writes the store's replicas"
    question = {"query": "How are exceptions handled?", "n_results": 5}
    hosts = [f"http://acme-{n}.acme-headless.{cluster.namespace}.svc:8000" for n in (0, 1)]
    answers = [client.request("POST", f"{host}/search/", store.key(), question) for host in hosts]
    assert answers[0][0] == 200
    assert len(answers[0][1]["results"]) == 5
    assert answers[1] == answers[0]


def test_a_write_through_a_follower_is_read_at_the_leader(cluster: Cluster, store: Store, client: Client) -> None:
    leader, follower = (f"http://acme-{n}.acme-headless.{cluster.namespace}.svc:8000" for n in (0, 1))
    cluster.wait("pod/acme-1", "condition=Ready")
    body = {"ids": ["new"], "documents": ["A follower took this."]}
    status, answer = client.request("POST", f"{follower}/embed/", store.key(), body)
    assert status == 200, answer
    for host in (leader, follower):
        found = client.request(
            "POST", f"{host}/search/", store.key(), {"query": "A follower took this.", "n_results": 1}
        )
        assert found[1]["results"][0]["id"] == "new", json.dumps(found)
