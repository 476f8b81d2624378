"""What was acknowledged survives whatever is killed, while clients go on writing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.e2e.cluster import Cluster
from tests.e2e.pods import Client, Node
from tests.e2e.stores import Store

WRITER = """
import json, sys, time, urllib.request
url, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
headers = {'x-chroma-token': key, 'content-type': 'application/json'}
deadline = time.monotonic() + 120
for n in range(count):
    row = {'ids': [str(n)], 'embeddings': [[n + 1, n % 7, n % 11, 1]], 'documents': [f'document {n}']}
    while True:
        try:
            request = urllib.request.Request(url, json.dumps(row).encode(), headers)
            urllib.request.urlopen(request, timeout=10).read()
            break
        except OSError as problem:
            if time.monotonic() > deadline:
                sys.exit(f'document {n}: {problem}')
            time.sleep(0.1)
    print(n, flush=True)
"""
"""Writes documents one by one; prints a number when, and only when, that one was acknowledged."""

DOCUMENTS = 300
AT = 100
"""The acknowledged document at which the blow falls."""

Blow = Callable[[Store, Node], None]


def pod_deleted(store: Store, _: Node) -> None:
    store.cluster.kubectl("delete", "pod", f"{store.name}-0", "--force", "--grace-period=0")


def front_killed(store: Store, node: Node) -> None:
    node.kill(store.pod()["metadata"]["uid"], "-m vectorstore_instance")


def engine_killed(store: Store, node: Node) -> None:
    node.kill(store.pod()["metadata"]["uid"], "engine/launch.py")


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return Store(cluster, "acme", model="none", dimension=4)


@pytest.fixture(scope="module")
def node(cluster: Cluster) -> Node:
    return Node(cluster)


@pytest.mark.parametrize("blow", [engine_killed, front_killed, pod_deleted], ids=lambda blow: blow.__name__)
def test_every_acknowledged_document_is_there_afterwards(store: Store, client: Client, node: Node, blow: Blow) -> None:
    name = blow.__name__
    store.ask(client, "POST", "/collections/create", {"name": name})
    pod = store.pod()
    url = f"{store.url}/collections/{name}/upsert"
    with client.start(WRITER, url, store.key(), str(DOCUMENTS)) as acknowledged:
        for number in map(int, acknowledged):
            if number == AT:
                blow(store, node)
    store.ready()
    rows = store.ask(client, "POST", f"/collections/{name}/get", {})["results"]
    assert {row["id"]: row["document"] for row in rows} == {str(n): f"document {n}" for n in range(DOCUMENTS)}
    # The blow fell where it was meant to.
    now = store.pod()
    restarts = (
        now["status"]["containerStatuses"][0]["restartCount"] - pod["status"]["containerStatuses"][0]["restartCount"]
    )
    assert (now["metadata"]["uid"] == pod["metadata"]["uid"], restarts > 0) == {
        "engine_killed": (True, False),
        "front_killed": (True, True),
        "pod_deleted": (False, False),
    }[name]
