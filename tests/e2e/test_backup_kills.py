"""Whatever is killed in the middle of a backup or a restore: it comes through, and nothing is missing.

SOAK_BACKUP_KILLS says how often each is killed (default 0; a round takes about four minutes).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from tests.e2e import manifests
from tests.e2e.buckets import Bucket
from tests.e2e.chart import Chart
from tests.e2e.clients import chroma, rows
from tests.e2e.cluster import Cluster
from tests.e2e.stores import Store
from tests.e2e.test_backup import BULK, completed, fill, under_way

ROUNDS = int(os.environ.get("SOAK_BACKUP_KILLS", "0"))
PLAN = "e2e-kills"
VECTORS = {"plan": PLAN, "model": "none", "dimension": 384}

pytestmark = pytest.mark.skipif(not ROUNDS, reason="takes minutes: SOAK_BACKUP_KILLS=1 scripts/e2e tests/e2e")

Blow = Callable[[Bucket, Cluster, str, str], object]
"""Kills: given the server, the store's namespace and name, and the pod of the Job."""


def job(bucket: Bucket, cluster: Cluster, store: str, pod: str) -> None:
    Chart.cluster.kubectl("delete", "pod", pod, "--force", "--grace-period=0")


def instance(bucket: Bucket, cluster: Cluster, store: str, pod: str) -> None:
    cluster.kubectl("delete", "pod", f"{store}-0", "--force", "--grace-period=0")


def operator(bucket: Bucket, cluster: Cluster, store: str, pod: str) -> None:
    its = f"app.kubernetes.io/name={Chart.name}"
    Chart.cluster.kubectl("delete", "pod", "-l", its, "--force", "--grace-period=0")


def server(bucket: Bucket, cluster: Cluster, store: str, pod: str) -> None:
    bucket.kill()


@pytest.fixture(scope="module")
def store(cluster: Cluster, bucket: Bucket) -> Iterator[Store]:
    cluster.apply(manifests.plan(PLAN, documents=10_000, backup=bucket.plan("kills")))
    store = Store(cluster, "acme", **VECTORS)
    with chroma(store) as there:
        fill(there)
    yield store
    cluster.delete("vst", "acme")
    cluster.delete("vstplan", PLAN)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("blow", [job, instance, operator, server])
def test_a_backup_and_a_restore_come_through(
    cluster: Cluster, store: Store, bucket: Bucket, blow: Blow, number: int
) -> None:
    name = f"{blow.__name__}-{number}"
    cluster.apply(manifests.backup(name, store.name))
    blow(bucket, cluster, store.name, under_way(f"backup/{cluster.namespace}/{name}"))
    assert completed(cluster, name)["status"]["documents"] == BULK

    restored = {**VECTORS, "restoreFrom": {"backup": {"name": name}}, "deletionPolicy": "Delete"}
    cluster.apply(manifests.store(name, **restored))
    blow(bucket, cluster, name, under_way(f"store/{cluster.namespace}/{name}"))
    with chroma(Store(cluster, name, **restored)) as again, chroma(store) as ours:
        assert rows(again, "bulk") == rows(ours, "bulk")
    cluster.delete("vst", name)
