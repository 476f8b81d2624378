"""Storms between the operator and its API server: refusals, failures and silence, on all requests or on some.

While one lasts the operator asks ever more rarely, and says so; when it is over everything is as it should be.
SOAK_AWAY is how many seconds a storm lasts in full.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.operator.test_reconcile import limits
from tests.support.apiserver import ApiServer
from tests.support.operators import Running, Tenant, accepted, condition, refused, running, wait_until
from tests.support.storms import Proxy, proxied

from vectorstore_operator.cluster.kinds import CHILDREN, STORE
from vectorstore_operator.cluster.lease import INTERVAL

pytestmark = pytest.mark.apiserver

JITTER = 0.75
LASTS = float(os.environ.get("SOAK_AWAY", "0"))
"""Seconds. By itself kopf would end the operator after 54."""
FIRST = 0.1
MOST = 10.0
"""Seconds between two tries of whoever is least patient: first, and after long."""


@dataclass
class Stormy:
    """An operator whose every request goes through a proxy."""

    proxy: Proxy
    start: Callable[..., Running]


@pytest.fixture
def stormy(served: ApiServer, tenant: Tenant, tmp_path: Path) -> Iterator[Stormy]:
    with proxied(served) as proxy, ExitStack() as stack:
        settings = {"watch_namespaces": tenant.namespace, "namespace": tenant.namespace}
        settings["instance_image"] = "example.invalid/instance:1"
        config = proxy.kubeconfig(tmp_path)

        def start(ready: bool = True) -> Running:
            return stack.enter_context(running(config, tmp_path, ready=ready, **settings))

        yield Stormy(proxy, start)


@pytest.fixture
async def acme(tenant: Tenant, stormy: Stormy, plan: str) -> AsyncIterator[Running]:
    """The operator of a store that has all it should have."""
    operator = stormy.start()
    await tenant.store("acme", plan=plan)
    await tenant.until(STORE.name, "acme", accepted)
    wait_until(operator.settled)
    yield operator
    stormy.proxy.calm()
    log = operator.log.read_text()
    assert operator.process.poll() is None, log[-4000:]
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :]


def lane(asked: str) -> str:
    """What is tried again and again by one and the same: a listing and a watch of a kind are two, by label more."""
    path, _, query = asked.partition("?")
    return " ".join([path, *re.findall(r"watch=true|labelSelector=[^&]*", query)])


def tries(seconds: float) -> int:
    """How often something is tried in that time: waits double from `FIRST` on, up to `MOST`."""
    tried, wait = 1, FIRST
    while (seconds := seconds - JITTER * wait) > 0:
        tried, wait = tried + 1, min(MOST, 2 * wait)
    return tried


@pytest.mark.parametrize(
    ("status", "headers"),
    [(429, {"Retry_After": "1"}), (429, {}), (500, {}), (0, {})],
    ids=["asked", "429", "500", "hangs"],
)
async def test_after_a_storm_all_is_as_it_should_be_and_during_it_few_requests_are_made(
    tenant: Tenant, stormy: Stormy, acme: Running, plan: str, status: int, headers: dict[str, str]
) -> None:
    proxy = stormy.proxy
    began = time.monotonic()
    proxy.answers(status, **headers)
    proxy.cut()
    await tenant.change(STORE.name, "acme", quota={"documents": 500})
    service = await tenant.have("Service", "acme")
    await tenant.cluster.delete(service)
    await tenant.store("bravo", plan=plan)
    watched = [kind.plural for kind in (*CHILDREN, STORE)]
    often = 1 if status == 0 else 3  # what is not answered is not asked again before it is given up
    wait_until(lambda: all(sum(f"/{name}?" in one for one in list(proxy.failed)) >= often for name in watched))
    await asyncio.sleep(LASTS)
    assert acme.ready()
    assert acme.alive()
    failed, lasted = list(proxy.failed), time.monotonic() - began
    proxy.calm()

    await tenant.until("ConfigMap", "acme-limits", lambda obj: limits(obj)["max_documents"] == 500)
    await tenant.until("Service", "acme", lambda obj: obj["metadata"]["uid"] != service["metadata"]["uid"])
    await tenant.until(STORE.name, "bravo", accepted)
    wait_until(acme.settled)

    lanes = Counter(map(lane, failed))
    lease = sum(lanes.pop(name) for name in [*lanes] if "/leases" in name)
    assert lease <= 2 * (lasted / INTERVAL + 2), failed
    assert {name: count for name, count in lanes.items() if count > tries(lasted) + 1} == {}


@pytest.mark.parametrize("status", [429, 500])
async def test_a_child_that_cannot_be_written_for_long_is_named_in_the_status(
    tenant: Tenant, stormy: Stormy, acme: Running, plan: str, status: int
) -> None:
    stormy.proxy.answers(status, "^(PATCH|POST|PUT) .*/statefulsets")
    began = time.monotonic()
    await tenant.store("bravo", plan=plan)
    await tenant.change("VectorStorePlan", plan, cpu={"limit": "2"})
    for name in ("bravo", "acme"):
        told = await tenant.until(STORE.name, name, refused("RequestFails"))
        state = condition(told, "Accepted")
        assert state["status"] == "Unknown"
        assert state["message"].startswith(f"StatefulSet {name} cannot be written: ")
        assert f"a storm of {status}" in state["message"]
    assert condition(told, "Progressing")["status"] == "True"
    assert (await tenant.told("RequestFails"))["type"] == "Warning"
    assert await tenant.get("Service", "bravo"), "what can be made is"
    failed, lasted = list(stormy.proxy.failed), time.monotonic() - began
    versions = [(await tenant.have(STORE.name, name))["metadata"]["resourceVersion"] for name in ("acme", "bravo")]
    wait_until(lambda: len(stormy.proxy.failed) > len(failed) + 1)
    assert [(await tenant.have(STORE.name, n))["metadata"]["resourceVersion"] for n in ("acme", "bravo")] == versions
    stormy.proxy.calm()
    await tenant.until("StatefulSet", "bravo")
    await tenant.until(STORE.name, "bravo", accepted)
    await tenant.until(STORE.name, "acme", accepted)
    lanes = Counter(map(lane, failed))
    assert max(lanes.values()) <= tries(lasted) + 2, lanes


async def test_an_operator_that_begins_in_a_storm_is_alive_and_not_ready_until_it_is_over(
    tenant: Tenant, stormy: Stormy, plan: str
) -> None:
    stormy.proxy.answers(500)
    operator = stormy.start(ready=False)
    wait_until(lambda: len(stormy.proxy.failed) > 30)
    assert operator.alive()
    assert not operator.ready()
    await tenant.store("acme", plan=plan)
    stormy.proxy.calm()
    await tenant.until(STORE.name, "acme", accepted)
    assert operator.ready()
    assert not re.search("Traceback", operator.log.read_text())
