"""An API server that goes and comes back, with its watches' history gone: nothing is missed, nobody is restarted.

SOAK_AWAY is how many seconds it is away in full.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from tests.support import apiserver
from tests.support.apiserver import ApiServer
from tests.support.operators import Running, Tenant, accepted, running, wait_until
from tests.support.storms import proxied

from vectorstore_operator import crd
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.connection import connect
from vectorstore_operator.cluster.kinds import STORE

pytestmark = pytest.mark.apiserver

AWAY = float(os.environ.get("SOAK_AWAY", "11"))
"""Seconds: longer than an operator may write without renewing its Lease."""


class Interrupted:
    """An API server that can be stopped and comes back at the same address, with all it had."""

    def __init__(self, binaries: Path, folder: Path, etcd: int) -> None:
        self._where, self._stack = (binaries, folder, etcd), ExitStack()
        self.server = self._stack.enter_context(apiserver.serving(*self._where))
        self.install()

    def install(self) -> None:
        """Returns when stores and plans are served."""
        self.server.install(yaml.safe_load(text) for text in crd.files().values())

    def stop(self) -> None:
        self._stack.close()

    def come(self) -> None:
        self._stack.enter_context(apiserver.serving(*self._where, port=urlsplit(self.server.url).port))
        self.install()


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interrupted]:
    binaries = os.environ.get("KUBEBUILDER_ASSETS")
    if not binaries:
        pytest.skip("KUBEBUILDER_ASSETS is not set: the folder with etcd and kube-apiserver")
    folder = tmp_path_factory.mktemp("interrupted")
    with apiserver.storage(Path(binaries), folder) as etcd:
        found = Interrupted(Path(binaries), folder, etcd)
        try:
            yield found
        finally:
            found.stop()


def namespace(server: ApiServer, name: str) -> dict[str, str]:
    """Settings of an operator of a namespace that is made."""
    head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    assert server.call("POST", "/api/v1/namespaces", head)[0] == 201
    return {"watch_namespaces": name, "namespace": name, "instance_image": "example.invalid/instance:1"}


def unharmed(operator: Running) -> None:
    log = operator.log.read_text()
    assert operator.process.poll() is None, log[-4000:]
    assert "Traceback" not in log, log[-4000:]


async def test_what_went_while_watches_were_lost_is_noticed_when_they_are_too_far_behind(
    interrupted: Interrupted, tmp_path: Path
) -> None:
    server = interrupted.server
    settings = namespace(server, "lost")
    with proxied(server) as proxy, running(proxy.kubeconfig(tmp_path), tmp_path, **settings) as operator:
        async with await connect(str(server.kubeconfig)) as api:
            tenant = Tenant(Cluster(api), "lost")
            await tenant.plan("small", documents=1000)
            await tenant.plan("unused", documents=1000)
            for name in ("acme", "bravo"):
                await tenant.store(name, plan="small")
                await tenant.until(STORE.name, name, accepted)
            wait_until(operator.settled)
            former = await tenant.have("StatefulSet", "acme")

            proxy.answers(503)  # from here on it is blind
            proxy.cut()
            await tenant.delete("StatefulSet", "acme")
            await tenant.delete(STORE.name, "bravo")
            await tenant.delete("VectorStorePlan", "unused")
            assert operator.value("stores") == 2
        interrupted.stop()
        interrupted.come()
        proxy.calm()
        async with await connect(str(server.kubeconfig)) as api:
            tenant = Tenant(Cluster(api), "lost")
            await tenant.until("StatefulSet", "acme", lambda obj: obj["metadata"]["uid"] != former["metadata"]["uid"])
            wait_until(lambda: operator.value("stores") == operator.value("plans") == 1)
            wait_until(operator.settled)
        root = "/apis/vectorstore.dev/v1alpha1"
        assert proxy.gone["/apis/apps/v1/namespaces/lost/statefulsets"], proxy.gone
        assert proxy.gone[f"{root}/namespaces/lost/vectorstores"], proxy.gone
        assert proxy.gone[f"{root}/vectorstoreplans"], proxy.gone
        unharmed(operator)


async def test_an_api_server_that_is_away_for_a_while_is_waited_for(interrupted: Interrupted, tmp_path: Path) -> None:
    server = interrupted.server
    with running(server.kubeconfig, tmp_path, **namespace(server, "away")) as operator:
        async with await connect(str(server.kubeconfig)) as api:
            tenant = Tenant(Cluster(api), "away")
            await tenant.plan("away", documents=1000)
            await tenant.store("acme", plan="away")
            await tenant.until(STORE.name, "acme", accepted)
            wait_until(operator.settled)
            looks = operator.value("reconciles_total")
            before = await tenant.versions()
        interrupted.stop()
        await asyncio.sleep(AWAY)
        assert operator.ready()
        assert operator.alive()
        interrupted.come()
        async with await connect(str(server.kubeconfig)) as api:
            tenant = Tenant(Cluster(api), "away")
            wait_until(lambda: operator.value("reconciles_total") > looks and operator.settled())
            assert await tenant.versions() == before, "the outage alone is no reason to write"
            service = await tenant.have("Service", "acme")
            await tenant.cluster.delete(service)
            await tenant.until("Service", "acme", lambda obj: obj["metadata"]["uid"] != service["metadata"]["uid"])
            await tenant.change(STORE.name, "acme", quota={"documents": 500})
            await tenant.until(STORE.name, "acme", accepted)
        unharmed(operator)


async def test_definitions_that_go_take_their_stores_along_and_are_waited_for(
    interrupted: Interrupted, tmp_path: Path
) -> None:
    server = interrupted.server
    with running(server.kubeconfig, tmp_path, **namespace(server, "undefined")) as operator:
        async with await connect(str(server.kubeconfig)) as api:
            tenant = Tenant(Cluster(api), "undefined")
            await tenant.plan("defined", documents=1000)
            await tenant.store("acme", plan="defined")
            await tenant.until(STORE.name, "acme", accepted)
            wait_until(operator.settled)
            for text in crd.files().values():
                name = yaml.safe_load(text)["metadata"]["name"]
                path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
                assert server.call("DELETE", path)[0] == 200
            wait_until(lambda: operator.value("stores") == operator.value("plans") == 0)
            wait_until(lambda: "are the CRDs installed?" in operator.log.read_text())
            interrupted.install()
            await tenant.plan("defined", documents=1000)
            await tenant.store("bravo", plan="defined")
            await tenant.until(STORE.name, "bravo", accepted)
        unharmed(operator)
