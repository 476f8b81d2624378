"""Backups in a bucket: proven, restored by whoever may, and nothing acknowledged is missing from them."""

from __future__ import annotations

import base64
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import pytest
from chromadb.api import ClientAPI
from tests.e2e import manifests
from tests.e2e.buckets import SECRET_KEY, Bucket, credentials
from tests.e2e.chart import Chart
from tests.e2e.clients import chroma, ids, rows, texts, vectorstore
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.pods import Client
from tests.e2e.stores import Store
from tests.e2e.test_durability import WRITER

PLAN, BESIDE = "e2e-backed", "e2e-beside"
VECTORS = {"plan": PLAN, "model": "none", "dimension": 384}
AGAIN = VECTORS | {"plan": BESIDE, "restoreFrom": {"backup": {"name": "first"}}}
BULK, BATCH = 6000, 500
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


@pytest.fixture(scope="module", autouse=True)
def plans(cluster: Cluster, bucket: Bucket) -> Iterator[None]:
    """One whose stores are kept in the bucket, and another."""
    cluster.apply(manifests.plan(PLAN, documents=10_000, backup=bucket.plan("e2e")))
    cluster.apply(manifests.plan(BESIDE, documents=20_000))
    yield
    cluster.delete("vstplan", PLAN)
    cluster.delete("vstplan", BESIDE)


@pytest.fixture(scope="module")
def store(cluster: Cluster, plans: None) -> Store:
    return Store(cluster, "acme", **VECTORS)


@pytest.fixture(scope="module")
def nightly(cluster: Cluster, plans: None) -> Store:
    """One that is due every minute: the first is there by the time that it is asked for."""
    return Store(cluster, "nightly", **VECTORS, backup={"schedule": "* * * * *", "retention": {"last": 2}})


def ended(cluster: Cluster, name: str) -> Object:
    """A backup once it is done with, well or not."""

    def look() -> Object:
        found = cluster.get("vstbackup", name)
        assert found.get("status", {}).get("phase") in ("Completed", "Failed"), found
        return found

    return eventually(look)


def completed(cluster: Cluster, name: str) -> Object:
    """A backup that is there and proven."""
    found = ended(cluster, name)
    assert found["status"]["phase"] == "Completed", found["status"]
    assert cluster.condition(f"vstbackup/{name}", "Verified")["status"] == "True"
    return found


def fill(client: ClientAPI) -> None:
    """Rows that do not change."""
    bulk = client.create_collection("bulk", metadata={"made": "here"})
    vectors = np.random.default_rng(6).standard_normal((BULK, 384)).astype(np.float32)
    for at in range(0, BULK, BATCH):
        some = range(at, at + BATCH)
        bulk.upsert(
            ids=[f"id{n}" for n in some],
            embeddings=vectors[at : at + BATCH],
            documents=[f"document {n}" for n in some],
            metadatas=[{"n": n} for n in some],
        )


@contextmanager
def writing(store: Store, client: Client, collection: str) -> Iterator[list[float]]:
    """Somebody who writes a row at a time; yields when which was known to be acknowledged."""
    times: list[float] = []

    def note(lines: Iterable[str]) -> None:
        times.extend(time.time() for _ in lines)

    url = f"{store.url}{COLLECTIONS}/{collection}/upsert"
    with client.start(WRITER, url, store.key(), "1000000") as lines:
        noting = threading.Thread(target=note, args=[lines])
        noting.start()
        yield times
    noting.join()


def test_a_backup_under_writes_has_every_row_that_was_acknowledged_before_it(
    cluster: Cluster, client: Client, store: Store, nightly: Store
) -> None:
    with chroma(store) as there:
        fill(there)
        made = there.create_collection("journal")
        with writing(store, client, str(made.id)) as acknowledged:
            eventually(lambda: _many(acknowledged), every=0.1)
            cluster.apply(manifests.backup("first", "acme"))
            status = completed(cluster, "first")["status"]
        bulk, collections = rows(there, "bulk"), ids(there)
    again = Store(cluster, "again", **AGAIN)
    with chroma(again) as there:
        assert ids(there) == collections
        assert rows(there, "bulk") == bulk
        journal = texts(there, "journal")
    assert journal == {str(n): f"document {n}" for n in range(len(journal))}
    taken = datetime.fromisoformat(status["takenAt"]).timestamp()
    assert sum(at < taken for at in acknowledged) <= len(journal) < len(acknowledged)
    assert status["documents"] == BULK + len(journal)
    print(f"{status['seconds']} s, writes waited {status['pauseSeconds']} s, {len(journal)} rows beside the bulk")


def _many(acknowledged: list[float]) -> None:
    assert len(acknowledged) > 50


def test_a_store_is_restored_in_place_of_what_it_holds(cluster: Cluster, store: Store) -> None:
    key = store.key()
    with chroma(store) as there:
        there.delete_collection("bulk")
    said = vectorstore(cluster, "restore", "acme", "--backup", "first", "--yes")
    print(said)
    store.ready()
    assert store.key() == key
    with chroma(store) as there, chroma(Store(cluster, "again", **AGAIN)) as same:
        assert ids(there) == ids(same)
        assert all(texts(there, name) == texts(same, name) for name in ("bulk", "journal"))


def test_another_namespace_restores_it_by_a_grant_and_never_sees_the_key(cluster: Cluster, store: Store) -> None:
    source = {"backup": {"name": "first", "namespace": cluster.namespace}}
    with Cluster("e2e-backup-others") as others:
        others.apply(manifests.store("theirs", **VECTORS, restoreFrom=source))

        def refused() -> None:
            told = others.condition("vst/theirs", "Restored")
            assert (told["status"], told["reason"]) == ("False", "BackupNotFound"), told
            assert f"namespace {cluster.namespace} that stores of {others.namespace} may be restored" in told["message"]

        eventually(refused)
        grant = {"kind": "VectorStoreBackupGrant", "metadata": {"name": "others"}}
        cluster.apply(
            {"apiVersion": manifests.API_VERSION, **grant, "spec": {"from": [others.namespace], "names": ["first"]}}
        )
        theirs = Store(others, "theirs", **VECTORS, restoreFrom=source)
        with chroma(theirs) as there, chroma(store) as ours:
            assert ids(there) == ids(ours)
        for each in (cluster, others):
            assert not [name for name, value in _values(each) if SECRET_KEY in value]
    for job in Chart.cluster.list("jobs", "vectorstore.dev/backup"):
        if job["metadata"]["annotations"]["vectorstore.dev/for"] == f"backup/{cluster.namespace}/first":
            assert Chart.cluster.exists("secret", job["metadata"]["name"])
            Chart.cluster.delete("job", job["metadata"]["name"])
            Chart.cluster.wait(f"secret/{job['metadata']['name']}", "delete")


def _values(cluster: Cluster) -> Iterator[tuple[str, str]]:
    for secret in cluster.list("secrets"):
        for value in secret.get("data", {}).values():
            yield secret["metadata"]["name"], base64.b64decode(value).decode(errors="replace")


def test_a_schedule_makes_backups_and_the_store_says_that_it_is_safe(cluster: Cluster, nightly: Store) -> None:
    def safe() -> None:
        told = cluster.condition("vst/nightly", "BackupHealthy")
        assert told["status"] == "True", told
        assert cluster.get("vst", "nightly")["status"]["backup"]["lastGood"].startswith("nightly-")

    eventually(safe)
    cluster.delete("vst", "nightly")
    assert [each for each in cluster.list("vstbackup") if each["spec"]["store"] == "nightly"], "they outlive the store"


def test_a_server_killed_in_the_middle_of_a_backup_does_not_spoil_it(
    cluster: Cluster, store: Store, bucket: Bucket
) -> None:
    cluster.apply(manifests.backup("through", "acme", deletionPolicy="Delete"))
    under_way(f"backup/{cluster.namespace}/through")
    killed = bucket.kill()
    status = completed(cluster, "through")["status"]
    assert status["startedAt"] <= killed <= status["completedAt"]
    assert bucket.objects(status["object"]), status
    cluster.delete("vstbackup", "through")

    def gone() -> None:
        assert not [path for path in bucket.objects("e2e/") if "/through." in path]

    eventually(gone)


def under_way(what: str) -> str:
    """Returns when the first bytes of a backup or a restore have passed; the pod of its Job.

    Args:
        what: `backup/NAMESPACE/NAME` or `store/NAMESPACE/NAME`.
    """
    pod = eventually(lambda: _running(what), every=0.1)
    command = ["kubectl", "-n", Chart.cluster.namespace, "logs", "-f", pod]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert '"bytes"' in process.stdout.readline()
        process.kill()
    return pod


def _running(what: str) -> str:
    for pod in Chart.cluster.list("pods", "vectorstore.dev/backup"):
        if pod["metadata"]["annotations"]["vectorstore.dev/for"] == what and pod["status"]["phase"] == "Running":
            return str(pod["metadata"]["name"])
    raise AssertionError(f"no Job of {what} runs")


def test_a_key_that_is_no_longer_valid_is_told_in_words(cluster: Cluster, store: Store) -> None:
    try:
        credentials("one-that-has-expired")
        cluster.apply(manifests.backup("refused", "acme"))
        assert ended(cluster, "refused")["status"]["phase"] == "Failed"
        told = cluster.condition("vstbackup/refused", "Complete")
        assert (told["status"], told["reason"]) == ("False", "WrongCredentials"), told
        assert "SignatureDoesNotMatch" in told["message"]

        def unsafe() -> None:
            told = cluster.condition("vst/acme", "BackupHealthy")
            assert (told["status"], told["reason"]) == ("False", "LastFailed"), told

        eventually(unsafe)
    finally:
        credentials()
    cluster.apply(manifests.backup("again", "acme"))
    completed(cluster, "again")
    cluster.wait("vst/acme", "condition=BackupHealthy")
