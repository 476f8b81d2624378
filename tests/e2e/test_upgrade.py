"""Versions come and go under a store's feet: nothing acknowledged is lost, and what is broken is taken back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest
from tests.e2e import manifests
from tests.e2e.chart import Chart
from tests.e2e.cluster import Cluster, CommandFailed, Object, eventually, run
from tests.e2e.pods import IMAGE, Client
from tests.e2e.stores import Store
from tests.e2e.test_durability import AT, DOCUMENTS, WRITER

PRESENT = IMAGE.rpartition(":")[2]
NEXT, BROKEN = (os.environ.get(f"E2E_{which}_VERSION", "") for which in ("NEXT", "BROKEN"))
ABSENT = "e2e-no-such-version"
PLAN = "e2e-versions"
SPEC = {"plan": PLAN, "model": "none", "dimension": 4}
FIVE_MINUTES = 300
PLUGIN = "from vectorstore_operator.cli.main import kubectl; kubectl()"


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    """A store whose plan allows a good version, a broken one and one that is not to be had."""
    cluster.apply(manifests.plan(PLAN, versions=[NEXT, BROKEN, ABSENT]))
    yield Store(cluster, "acme", **SPEC)
    cluster.delete("vst", "acme")
    cluster.delete("vstplan", PLAN)


def vectorstore(cluster: Cluster, *words: str) -> str:
    """What the command line prints."""
    return run(sys.executable, "-c", PLUGIN, *words, "-n", cluster.namespace, timeout=2 * FIVE_MINUTES)


def told(cluster: Cluster, reason: str) -> str:
    """The message of UpdateAvailable, which has this reason."""
    found = cluster.condition("vst/acme", "UpdateAvailable")
    assert found["reason"] == reason, found
    return str(found["message"])


def version(cluster: Cluster) -> str:
    return str(cluster.get("vst", "acme")["status"]["version"])


def image(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def documents(store: Store, client: Client, name: str) -> dict[str, str]:
    rows = store.ask(client, "POST", f"/collections/{name}/get", {})["results"]
    return {row["id"]: row["document"] for row in rows}


def test_an_upgrade_under_writes_loses_nothing_that_was_acknowledged(
    cluster: Cluster, client: Client, store: Store
) -> None:
    store.ask(client, "POST", "/collections/create", {"name": "facts"})
    with client.start(WRITER, f"{store.url}/collections/facts/upsert", store.key(), str(DOCUMENTS)) as acknowledged:
        for number in map(int, acknowledged):
            if number == AT:
                began = time.monotonic()
                said = vectorstore(cluster, "upgrade", "acme", "--version", NEXT, "--wait")
                print(f"upgraded under writes in {time.monotonic() - began:.1f} s")
                assert said == "" or NEXT in said
    assert documents(store, client, "facts") == {str(n): f"document {n}" for n in range(DOCUMENTS)}
    assert version(cluster) == NEXT
    assert image(store.pod()).endswith(f":{NEXT}")
    log = Chart.cluster.kubectl("logs", "-l", f"app.kubernetes.io/name={Chart.name}", "--tail=-1")
    assert "e2e-upgrade/acme: a checkpoint of " in log


@pytest.mark.parametrize("wrong", [ABSENT, BROKEN])
def test_a_broken_version_is_taken_back_in_less_than_five_minutes(
    cluster: Cluster, client: Client, store: Store, wrong: str
) -> None:
    before = documents(store, client, "facts")
    began = time.monotonic()
    with pytest.raises(CommandFailed, match="was taken back"):
        vectorstore(cluster, "upgrade", "acme", "--version", wrong, "--wait", "--timeout", str(FIVE_MINUTES))
    taken_back = time.monotonic() - began
    eventually(lambda: _serves_as_before(cluster, client, store, before), FIVE_MINUTES - taken_back)
    print(f"{wrong}: given up after {taken_back:.1f} s, serving again after {time.monotonic() - began:.1f} s")
    why = told(cluster, "RolledBack")
    assert ("exit code 1" if wrong == BROKEN else ABSENT) in why
    assert version(cluster) == NEXT


def _knows(cluster: Cluster, release: str) -> None:
    assert f"the operator's release is {release}" in told(cluster, "NewVersion")


def _serves_as_before(cluster: Cluster, client: Client, store: Store, before: dict[str, str]) -> None:
    ready = cluster.condition("vst/acme", "Ready")
    assert ready["status"] == "True", ready
    assert image(store.pod()).endswith(f":{NEXT}")
    assert documents(store, client, "facts") == before


def test_a_new_release_of_the_operator_leaves_every_pod_running(chart: Chart, cluster: Cluster, store: Store) -> None:
    vectorstore(cluster, "upgrade", "acme", "--version", NEXT, "--wait")  # what runs: that it is broken is forgotten
    before = store.pod()
    release = "e2e-another-release"
    try:
        chart.install("--set", f"instance.image.tag={release}")
        eventually(lambda: _knows(cluster, release))
        now = store.pod()
        assert now["metadata"]["uid"] == before["metadata"]["uid"]
        assert now["status"]["containerStatuses"][0]["restartCount"] == 0
        assert cluster.condition("vst/acme", "UpdateAvailable")["status"] == "True"
    finally:
        chart.install()
