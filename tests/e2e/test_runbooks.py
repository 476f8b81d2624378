"""The runbooks, as they are written: something is lost, the page's commands are run, and everything is there again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.e2e import manifests
from tests.e2e.buckets import ACCESS_KEY, NAME, PORT, SECRET, SECRET_KEY, Bucket, credentials
from tests.e2e.chart import Chart
from tests.e2e.clients import chroma, rows, vectorstore
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.pods import IMAGE, Client, forwarded
from tests.e2e.stores import Store

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 600
ROWS = 1000
BROKEN = os.environ.get("E2E_BROKEN_VERSION", "")
PLAN = "e2e-runbooks"

pytestmark = pytest.mark.skipif(not shutil.which("jq"), reason="needs jq, as the runbooks do")


@pytest.fixture(scope="module")
def store(cluster: Cluster, bucket: Bucket) -> Iterator[Store]:
    """A store with rows and a backup of them."""
    cluster.apply(manifests.plan(PLAN, versions=[BROKEN], backup=bucket.plan("runbooks")))
    store = Store(cluster, "acme", plan=PLAN, model="none", dimension=384)
    with chroma(store) as there:
        facts = there.create_collection("facts")
        vectors = np.random.default_rng(8).standard_normal((ROWS, 384)).astype(np.float32)
        ids = [f"id{n}" for n in range(ROWS)]
        facts.upsert(ids=ids, embeddings=vectors, documents=[f"document {id_}" for id_ in ids])
    vectorstore(cluster, "backup", "acme", "--as", "monday")
    yield store
    cluster.delete("vst", "acme", "--ignore-not-found")
    cluster.delete("vstplan", PLAN)


@pytest.fixture(scope="module")
def held(store: Store) -> dict[str, tuple[Any, ...]]:
    """What the store holds, and is to hold after each of these."""
    with chroma(store) as there:
        return rows(there, "facts")


def followed(page: str, folder: Path, store: Store, **given: str) -> None:
    """Runs a page's commands as its reader would, in one shell."""
    script = "".join(COMMANDS.findall((RUNBOOKS / f"{page}.md").read_text()))
    commands = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    given |= {"NAMESPACE": store.cluster.namespace, "STORE": store.name, "PATH": commands}
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-xeuo", "pipefail", "-c", script],
        env=os.environ | given,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    print(f"{page}: {time.monotonic() - began:.0f} s\n{done.stdout}{done.stderr}")
    assert done.returncode == 0


def holds(store: Store, held: dict[str, tuple[Any, ...]]) -> None:
    store.ready()
    with chroma(store) as there:
        assert rows(there, "facts") == held


def test_lost_pod(store: Store, held: dict[str, tuple[Any, ...]], tmp_path: Path) -> None:
    store.cluster.kubectl("delete", "pod", "acme-0", "--force", "--grace-period=0")
    followed("LostPod", tmp_path, store)
    holds(store, held)


def test_lost_node(store: Store, held: dict[str, tuple[Any, ...]], tmp_path: Path) -> None:
    """As near as one node comes to it: nothing is scheduled there any more, and the pod is gone."""
    node = store.pod()["spec"]["nodeName"]
    store.cluster.kubectl("cordon", node)
    try:
        store.cluster.kubectl("delete", "pod", "acme-0", "--force", "--grace-period=0")
        followed("LostNode", tmp_path, store, NODE=node)
    finally:
        store.cluster.kubectl("uncordon", node)
    holds(store, held)


def test_bad_upgrade(store: Store, held: dict[str, tuple[Any, ...]], tmp_path: Path) -> None:
    vectorstore(store.cluster, "upgrade", "acme", "--version", BROKEN)

    def broken() -> None:
        assert store.pod()["spec"]["containers"][0]["image"].endswith(BROKEN)

    eventually(broken)
    followed("BadUpgrade", tmp_path, store, FORMER=IMAGE.rpartition(":")[2])
    holds(store, held)


def test_leaked_key(
    store: Store, client: Client, held: dict[str, tuple[Any, ...]], bucket: Bucket, tmp_path: Path
) -> None:
    leaked = store.key()
    credentials("which-the-provider-has-voided")
    try:
        given = {"SYSTEM": Chart.cluster.namespace, "SECRET": SECRET}
        followed("LeakedKey", tmp_path, store, **given, **keys())
    finally:
        credentials()
    assert client.request("GET", f"{store.url}/stats", leaked)[0] == 401
    holds(store, held)


def test_deleted_collection(store: Store, held: dict[str, tuple[Any, ...]], tmp_path: Path) -> None:
    with chroma(store) as there:
        there.delete_collection("facts")
    followed("DeletedCollection", tmp_path, store, COLLECTION="facts", BACKUP="monday")
    holds(store, held)


def test_lost_volume(store: Store, held: dict[str, tuple[Any, ...]], tmp_path: Path) -> None:
    volume = store.cluster.get("pvc", "data-acme-0")["spec"]["volumeName"]
    store.cluster.kubectl("delete", "pv", volume, "--wait=false")
    store.cluster.kubectl("patch", "pv", volume, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    store.cluster.kubectl("delete", "pod", "acme-0", "--force", "--grace-period=0")
    store.cluster.wait("vst/acme", "jsonpath={.status.conditions[?(@.type=='StorageHealthy')].reason}=VolumeLost")
    followed("LostVolume", tmp_path, store)
    holds(store, held)


def test_lost_namespace(store: Store, held: dict[str, tuple[Any, ...]], bucket: Bucket, tmp_path: Path) -> None:
    store.cluster.delete("namespace", store.cluster.namespace)
    seen = tmp_path / "secrets"
    with forwarded(bucket.cluster, "s3", PORT) as local, secrets_seen(store.cluster.namespace, seen):
        given = {"BUCKET": f"{NAME}/runbooks", "CLUSTER": "cluster", "PLAN": PLAN}
        followed("LostNamespace", tmp_path, store, **given, **keys(), AWS_ENDPOINT_URL=f"http://127.0.0.1:{local}")
    holds(store, held)
    told = seen.read_text()
    assert '"acme-credentials"' in told
    for key in (ACCESS_KEY, SECRET_KEY):
        assert b64encode(key.encode()).decode() not in told


@contextmanager
def secrets_seen(namespace: str, file: Path) -> Iterator[None]:
    """Writes down every Secret that a namespace holds meanwhile, be it for a moment."""
    watch = ["kubectl", "-n", namespace, "get", "secrets", "--watch", "-o", "json"]
    with file.open("w") as out, subprocess.Popen(watch, stdout=out) as watching:
        try:
            yield
        finally:
            ended = watching.poll()
            watching.terminate()
    assert ended is None, "the watch ended too early"


def keys() -> dict[str, str]:
    """What the provider gives whoever may read and write the bucket."""
    return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
