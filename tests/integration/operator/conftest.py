"""A namespace per test, an operator that serves it, and the client that plays the tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from tests.support.apiserver import ApiServer
from tests.support.operators import Running, Tenant, running

from vectorstore_operator import crd
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.connection import connect

Start = Callable[..., Running]


@pytest.fixture(scope="session")
def served(apiserver: ApiServer) -> ApiServer:
    """The API server with both CRDs."""
    apiserver.install(yaml.safe_load(text) for text in crd.files().values())
    return apiserver


@asynccontextmanager
async def tenancy(served: ApiServer) -> AsyncIterator[Tenant]:
    """A new namespace."""
    namespace = f"t-{uuid4().hex[:8]}"
    head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    assert served.call("POST", "/api/v1/namespaces", head)[0] == 201
    async with await connect(str(served.kubeconfig)) as api:
        yield Tenant(Cluster(api), namespace)


@pytest.fixture
async def tenant(served: ApiServer) -> AsyncIterator[Tenant]:
    """A namespace of the test's own."""
    async with tenancy(served) as made:
        yield made


@pytest.fixture
def start(served: ApiServer, tenant: Tenant, tmp_path: Path) -> Iterator[Start]:
    """Starts operators of the test's namespace, with further settings; call it once more for another."""
    own = {
        "watch_namespaces": tenant.namespace,
        "namespace": tenant.namespace,
        "instance_image": "example.invalid/instance:1",
    }
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(running(served.kubeconfig, tmp_path, **own | more))


@pytest.fixture
async def plan(tenant: Tenant) -> AsyncIterator[str]:
    """The name of a plan of the test's own: small, up to three pods."""
    made = await tenant.plan(f"plan-{tenant.namespace}", documents=1000, replicas={"min": 1, "max": 3})
    yield made["metadata"]["name"]
    await tenant.cluster.delete(made)
