"""`kubectl vectorstore` as a user runs it: kubectl finds the plugin, and a client works through what it opens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import chromadb
import pytest
from tests.e2e.cluster import PATIENCE, Cluster, run
from tests.e2e.stores import Store

ENTRIES = {
    "kubectl-vectorstore": "vectorstore_operator.cli.main",
    "kubectl_complete-vectorstore": "vectorstore_operator.cli.completion",
}


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The entry points on the PATH, as an installed package has them."""
    folder = tmp_path_factory.mktemp("bin")
    for name, module in ENTRIES.items():
        (folder / name).write_text(f"#!{sys.executable}\nfrom {module} import kubectl\nkubectl()\n")
        (folder / name).chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return Store(cluster, "acme", model="none", dimension=3)


def vectorstore(cluster: Cluster, *words: str) -> str:
    """What the plugin prints."""
    return run("kubectl", "vectorstore", *words, "-n", cluster.namespace)


@contextmanager
def connected(cluster: Cluster, *options: str) -> Iterator[dict[str, str]]:
    """What `connect` says of a store, for as long as it leads there."""
    command = ["kubectl", "vectorstore", "connect", "acme", "-n", cluster.namespace, "-o", "json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told: dict[str, str] = json.loads(process.stdout.readline())
        yield told
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_a_client_works_through_connect(cluster: Cluster, store: Store) -> None:
    with connected(cluster) as told:
        key = run("sh", "-c", told["keyCommand"]).strip()
        assert key == store.key()
        port = int(told["url"].rpartition(":")[2])
        client = chromadb.HttpClient("127.0.0.1", port, headers={"x-chroma-token": key})
        collection = client.create_collection("facts")
        collection.upsert(ids=["a", "b"], embeddings=[[1, 0, 0], [0, 1, 0]], documents=["x" * 100_000, "y"])
        assert collection.get(ids=["a"])["documents"] == ["x" * 100_000]
        # Connections that are open find another pod when theirs is gone.
        cluster.delete("pod", "acme-0")
        store.ready()
        assert chromadb.HttpClient("127.0.0.1", port, headers={"x-chroma-token": key}).heartbeat()
        assert client.get_collection("facts").count() == 2


def test_the_logs_of_a_store_are_shown_and_followed(cluster: Cluster, store: Store) -> None:
    lines = vectorstore(cluster, "logs", "acme").splitlines()
    assert lines
    command = ["kubectl", "vectorstore", "logs", "acme", "-f", "-n", cluster.namespace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().rstrip() == lines[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_a_store_is_looked_at_put_to_sleep_and_woken(cluster: Cluster, store: Store) -> None:
    assert vectorstore(cluster, "status", "acme").startswith(f"acme in {cluster.namespace}: ready")
    vectorstore(cluster, "hibernate", "acme", "--wait")
    assert not cluster.exists("pod", "acme-0")
    assert "Hibernated" in vectorstore(cluster, "get", "acme")
    vectorstore(cluster, "wake", "acme", "--wait")
    assert vectorstore(cluster, "get", "-o", "name") == "vectorstore.vectorstore.dev/acme\n"
    completed = run("kubectl", "__complete", "vectorstore", "status", "-n", cluster.namespace, "a")
    assert completed.splitlines()[0] == "acme"
