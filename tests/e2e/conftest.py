"""The whole product on a whole cluster: real images, the chart, kubectl and unmodified clients.

KUBECONFIG says where, E2E_INSTANCE_IMAGE and E2E_OPERATOR_IMAGE what: `scripts/e2e` sees to all three.
One operator serves the whole run; every module has a namespace of its own and leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from tests.e2e.buckets import Bucket, credentials
from tests.e2e.chart import Chart
from tests.e2e.cluster import Cluster, CommandFailed, all_gone, run
from tests.e2e.manifests import PLANS
from tests.e2e.pods import Client

TEST_CONTEXTS = re.compile(r"kind-.*|testcluster")
"""Contexts of clusters made for tests; any other needs E2E_ANY_CLUSTER=1."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("KUBECONFIG", "E2E_INSTANCE_IMAGE", "E2E_OPERATOR_IMAGE") if name not in os.environ]
    missing += [tool for tool in ("kubectl", "helm") if not shutil.which(tool)]
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}: run scripts/e2e"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Adds to a failure what the cluster has to say about it."""
    report: pytest.TestReport = yield  # type: ignore[misc]
    if report.failed and "e2e" in item.path.parts:
        cluster = getattr(item, "funcargs", {}).get("cluster")
        if cluster is not None:
            report.sections.append(("namespace", _told(cluster)))
        report.sections.append(("operator", _told_by_operator()))
    return report  # type: ignore[return-value]


def _told(cluster: Cluster) -> str:
    looks = (
        ("get", "vst,sts,pods,pvc,hpa,svc,networkpolicy", "-o", "wide"),
        ("describe", "vst"),
        ("get", "vstbackup,vstgrant", "-o", "yaml"),
        ("describe", "pods"),
        ("logs", "-l", "app.kubernetes.io/managed-by=vectorstore-operator", "--tail=60", "--prefix"),
        ("get", "events", "--sort-by=.lastTimestamp"),
    )
    return "\n".join(_try(cluster, *look) for look in looks)


def _told_by_operator() -> str:
    looks = (
        ("get", "deployments,jobs,pods", "-o", "wide"),
        ("logs", "-l", f"app.kubernetes.io/name={Chart.name}", "--tail=100", "--prefix"),
        ("logs", "-l", "vectorstore.dev/backup", "--tail=20", "--prefix", "--max-log-requests=50"),
        ("get", "events", "--sort-by=.lastTimestamp"),
    )
    return "\n".join(_try(Chart.cluster, *look) for look in looks)


def _try(cluster: Cluster, *args: str) -> str:
    try:
        return f"$ kubectl {' '.join(args)}\n{cluster.kubectl(*args)}"
    except CommandFailed as failure:
        return str(failure)


@pytest.fixture(scope="session")
def chart() -> Iterator[Chart]:
    """The operator, installed by its chart, and the scenarios' plans."""
    context = run("kubectl", "config", "current-context").strip()
    if not TEST_CONTEXTS.fullmatch(context) and os.environ.get("E2E_ANY_CLUSTER") != "1":
        pytest.exit(f"context {context} is not a test cluster's; E2E_ANY_CLUSTER=1 runs the tests there all the same")
    chart = Chart()
    with chart.cluster:
        chart.install()
        chart.cluster.apply(*PLANS)
        yield chart
        chart.uninstall()
        chart.remove_kept()
    all_gone()


@pytest.fixture(scope="session")
def bucket(chart: Chart) -> Iterator[Bucket]:
    """An S3 server, and the operator's key to it."""
    image = os.environ.get("E2E_S3_IMAGE")
    if not image:
        pytest.skip("needs an S3 server: VERSITYGW (a versitygw binary), or Go to build it with; then run scripts/e2e")
    with Cluster("e2e-buckets") as cluster:
        credentials()
        yield Bucket(cluster, image)


@pytest.fixture(scope="module")
def cluster(chart: Chart, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace for the module's stores."""
    module = request.module.__name__.rsplit(".", 1)[-1]
    with Cluster(module.replace("test_", "e2e-").replace("_", "-")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Client:
    """A pod beside the stores."""
    return Client.create(cluster)
