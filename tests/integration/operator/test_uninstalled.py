"""Everything can be taken away in any order, and nothing hangs: no object has a finalizer of this operator's.

On an API server of its own, whose definitions come and go. The test plays the controllers that empty namespaces.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.operator.conftest import tenancy
from tests.support import apiserver
from tests.support.apiserver import ApiServer
from tests.support.operators import Object, Running, Tenant, accepted, running, wait_until

from vectorstore_operator import crd
from vectorstore_operator.cluster.errors import NotFound
from vectorstore_operator.cluster.kinds import CHILDREN, EVENT, LEASE, STORE

pytestmark = pytest.mark.apiserver

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
STORES = 6


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of this module's own."""
    binaries = os.environ.get("KUBEBUILDER_ASSETS")
    if not binaries:
        pytest.skip("KUBEBUILDER_ASSETS is not set: the folder with etcd and kube-apiserver")
    with apiserver.running(Path(binaries), tmp_path_factory.mktemp("uninstalled")) as server:
        yield server


@pytest.fixture
async def tenant(emptied: ApiServer) -> AsyncIterator[Tenant]:
    """A namespace with the definitions and a plan; other than the operator's."""
    emptied.install(yaml.safe_load(text) for text in crd.files().values())
    async with tenancy(emptied) as made:
        await made.plan("small", documents=1000)
        yield made
    undefine(emptied)
    await until(lambda: undefined(emptied))


@pytest.fixture
async def system(emptied: ApiServer) -> AsyncIterator[Tenant]:
    """The operator's namespace."""
    async with tenancy(emptied) as made:
        yield made


@pytest.fixture
def start(emptied: ApiServer, system: Tenant, tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """Starts operators that serve all namespaces."""
    settings: dict[str, Any] = {"namespace": system.namespace, "instance_image": "example.invalid/instance:1"}
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running(emptied.kubeconfig, tmp_path, **settings))


async def stores(tenant: Tenant) -> None:
    """Makes several at once."""
    await asyncio.gather(*(tenant.store(f"store-{number}", plan="small") for number in range(STORES)))


async def contents(tenant: Tenant) -> list[Object]:
    """All objects of a namespace of which an operator has to do with the kind."""
    found = []
    for kind in (STORE, *CHILDREN, LEASE, EVENT):
        with suppress(NotFound):
            found += (await tenant.cluster.list(kind, tenant.namespace))[0]
    return found


def held(objects: list[Object]) -> list[tuple[str, str, list[str]]]:
    """Those that a deletion would wait for."""
    return [
        (o["kind"], o["metadata"]["name"], o["metadata"]["finalizers"])
        for o in objects
        if o["metadata"].get("finalizers")
    ]


def undefine(server: ApiServer) -> None:
    """Deletes the definitions, and all stores and plans with them."""
    for definition in map(yaml.safe_load, crd.files().values()):
        assert server.call("DELETE", f"{DEFINITIONS}/{definition['metadata']['name']}")[0] in (200, 404)


def undefined(server: ApiServer) -> bool:
    names = [yaml.safe_load(text)["metadata"]["name"] for text in crd.files().values()]
    return all(server.call("GET", f"{DEFINITIONS}/{name}")[0] == 404 for name in names)


async def emptied_namespace(server: ApiServer, tenant: Tenant) -> None:
    """Deletes a namespace, and plays the controller that empties it: which gives up on what comes back."""
    path = f"/api/v1/namespaces/{tenant.namespace}"
    assert server.call("DELETE", path)[0] == 200
    for obj in await contents(tenant):
        await tenant.cluster.delete(obj)
    assert [obj for obj in await contents(tenant) if obj["kind"] != EVENT.name] == []
    namespace = server.call("GET", path)[1] | {"spec": {"finalizers": []}}
    assert server.call("PUT", f"{path}/finalize", namespace)[0] == 200
    assert server.call("GET", path)[0] == 404


@pytest.mark.parametrize("down", [False, True])
async def test_definitions_go_whether_the_operator_runs_or_not(
    emptied: ApiServer, tenant: Tenant, system: Tenant, start: Callable[[], Running], down: bool
) -> None:
    operator = start()
    await stores(tenant)
    await tenant.until("VectorStore", "store-0", accepted)
    if down:
        operator.process.kill()
        operator.process.wait()
    undefine(emptied)
    await until(lambda: undefined(emptied))
    left = await contents(tenant)
    assert held(left) == []
    assert ("Secret", "store-0-credentials") in {(obj["kind"], obj["metadata"]["name"]) for obj in left}

    emptied.install(yaml.safe_load(text) for text in crd.files().values())
    await tenant.plan("small", documents=1000)
    if down:
        await system.delete(LEASE.name, "vectorstore-operator")  # else it runs out by itself
        start()
    await tenant.store("again", plan="small")
    await tenant.until("VectorStore", "again", accepted)


async def test_a_namespace_goes_while_its_stores_are_being_made(
    emptied: ApiServer, tenant: Tenant, start: Callable[[], Running]
) -> None:
    operator = start()
    await stores(tenant)
    await tenant.first("Secret", lambda secret: secret["metadata"]["name"].endswith("-credentials"))
    await emptied_namespace(emptied, tenant)
    await until(lambda: operator.value("stores") == 0 and operator.settled())
    async with tenancy(emptied) as other:
        await other.store("acme", plan="small")
        await other.until("VectorStore", "acme", accepted)


async def test_the_operators_namespace_goes_first(
    emptied: ApiServer, tenant: Tenant, system: Tenant, start: Callable[[], Running]
) -> None:
    operator = start()
    await stores(tenant)
    await tenant.until("VectorStore", "store-0", accepted)
    assert held(await contents(system)) == []
    await emptied_namespace(emptied, system)
    assert operator.stop() == 0
    await tenant.delete("VectorStore", "store-0")
    assert await tenant.get("VectorStore", "store-0") is None
    await emptied_namespace(emptied, tenant)
    undefine(emptied)
    await until(lambda: undefined(emptied))


async def until(true: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_until, true)
