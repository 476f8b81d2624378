"""Two operators: one takes over, and never do two write, whatever becomes of the one that led.

Each has a wire of its own to the API server, which records when a write was on its way. Three troubles run
at the same time, in namespaces of their own, as a Lease runs out in 15 s only. Once here, SOAK_TAKEOVERS times
in full.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.operator.conftest import tenancy
from tests.support.apiserver import ApiServer
from tests.support.operators import Running, Tenant, accepted, running, wait_until
from tests.support.wires import Wire, Write

pytestmark = pytest.mark.apiserver

TIMES = int(os.environ.get("SOAK_TAKEOVERS", "1"))


@dataclass
class Pair:
    """One that leads and one that waits, both of which have seen store acme served."""

    tenant: Tenant
    leads: Running
    waits: Running
    first: Wire
    second: Wire

    async def change(self, documents: int) -> None:
        """Has something to be written: to the limits, and to the status."""
        await self.tenant.change("VectorStore", "acme", quota={"documents": documents})

    def check(self) -> None:
        """No write of the one was on its way any more when the first of the other began."""
        began = self.second.writes[0].began
        late = [write for write in self.first.writes if write.ended > began and write.status]
        assert self.first.writes
        assert late == []


@asynccontextmanager
async def pair(served: ApiServer, folder: Path) -> AsyncIterator[Pair]:
    async with tenancy(served) as tenant:
        plan = await tenant.plan(f"plan-{tenant.namespace}")
        settings: dict[str, Any] = {
            "watch_namespaces": tenant.namespace,
            "namespace": tenant.namespace,
            "instance_image": "example.invalid/instance:1",
        }
        await tenant.store("acme", plan=f"plan-{tenant.namespace}")
        with ExitStack() as stack:
            first, second = (stack.enter_context(Wire(served, folder)) for _ in range(2))
            leads = stack.enter_context(running(first.kubeconfig, folder, **settings))
            await until(leads.settled)
            waits = stack.enter_context(running(second.kubeconfig, folder, **settings))
            yield Pair(tenant, leads, waits, first, second)
        await tenant.cluster.delete(plan)


async def until(true: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_until, true)


def nothing(_: Write) -> None:
    """What a wire does about a write."""


async def stopped(pair: Pair, chance: random.Random) -> None:
    """The holder's process stands still while a write is under way, and goes on when another leads."""

    def stop(_: Write) -> None:
        pair.first.before = pair.first.after = nothing
        pair.leads.process.send_signal(signal.SIGSTOP)

    if chance.random() < 0.5:
        pair.first.before = stop  # the write passes
    else:
        pair.first.after = stop  # so does its answer
    await pair.change(1)
    await until(lambda: bool(pair.second.writes))
    for documents in range(2, 10):  # all of which it has to see when it goes on
        await pair.change(documents)
    pair.leads.process.send_signal(signal.SIGCONT)
    await until(lambda: pair.leads.value("leading") == 0)


async def cut_off(pair: Pair, chance: random.Random) -> None:
    """The holder cannot reach the API server while a write is under way; it can again when another leads."""

    def cut(_: Write) -> None:
        pair.first.cut()

    if chance.random() < 0.5:
        pair.first.before = cut  # the write does not pass
    else:
        pair.first.after = cut  # its answer does not
    await pair.change(1)
    await until(lambda: pair.leads.value("leading") == 0)
    assert pair.second.writes == []
    await until(lambda: bool(pair.second.writes))
    pair.first.before = pair.first.after = nothing
    await pair.change(2)
    pair.first.mend()
    await until(lambda: pair.leads.value("stores") == 1)


async def killed(pair: Pair, _: random.Random) -> None:
    """The holder is killed while a write is under way."""
    pair.first.after = lambda write: pair.leads.process.kill()
    await pair.change(1)
    await until(lambda: bool(pair.second.writes))


async def served_by_the_second(pair: Pair) -> None:
    """The second does all that there is to do, and the first stands by."""
    await pair.change(77)
    await pair.tenant.until("VectorStore", "acme", lambda store: accepted(store) and documents(store) == 77)
    await until(pair.waits.settled)
    assert pair.leads.process.poll() == -signal.SIGKILL or pair.leads.value("leading") == 0
    pair.check()


def documents(store: dict[str, object]) -> object:
    return store["spec"]["quota"]["documents"]  # type: ignore[index]


@pytest.mark.parametrize("time", range(TIMES))
async def test_a_holder_that_stood_still_was_cut_off_or_killed_writes_no_more(
    served: ApiServer, tmp_path: Path, time: int
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    troubles = (stopped, cut_off, killed)
    async with AsyncExitStack() as stack:
        pairs = [await stack.enter_async_context(pair(served, tmp_path)) for _ in troubles]
        await asyncio.gather(*(trouble(each, chance) for trouble, each in zip(troubles, pairs, strict=True)))
        await asyncio.gather(*map(served_by_the_second, pairs))


async def test_a_holder_that_ends_gives_the_lease_back_when_its_last_write_is_done(
    served: ApiServer, tmp_path: Path
) -> None:
    async with pair(served, tmp_path) as two:
        before = len(two.first.writes)
        two.first.dam()
        await two.change(1)
        await until(lambda: len(two.first.writes) > before)
        two.leads.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1)  # in which a hasty one would have given it back
        assert two.second.writes == []
        two.first.mend()
        await until(lambda: bool(two.second.writes))
        assert await asyncio.to_thread(two.leads.process.wait) == 0
        assert {write.status for write in two.first.writes[before:]} == {200}  # each that it had begun was answered
        two.check()


async def test_one_that_takes_over_does_nothing_again_of_which_it_heard_late(served: ApiServer, tmp_path: Path) -> None:
    async with pair(served, tmp_path) as two:
        await exchanged(two, "1")
        await until(lambda: bool(two.waits.value("stores") == 1))
        two.second.delay("vectorstores")
        await exchanged(two, "2")
        keys = (await two.tenant.have("Secret", "acme-credentials"))["data"]
        two.leads.stop()
        await until(two.waits.settled)
        assert (await two.tenant.have("Secret", "acme-credentials"))["data"] == keys
        two.second.mend()


async def exchanged(pair: Pair, request: str) -> None:
    """Has keys exchanged, and waits until they are."""
    await pair.tenant.change("VectorStore", "acme", keys={"rotate": request})
    await pair.tenant.until(
        "VectorStore", "acme", lambda store: store["status"].get("keys", {}).get("rotate") == request
    )
    await until(pair.leads.settled)
