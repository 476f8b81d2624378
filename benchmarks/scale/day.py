"""A day of one operator with N stores: it finds them new, is asked for changes, rests, and starts once more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from benchmarks.scale.processes import cpu_seconds, memory
from benchmarks.scale.reactions import Samples, changing, deletions
from benchmarks.scale.site import NAMESPACE, Site, site
from tests.support.operators import Running, running

SETTLED = 50
"""Stores that are there before the storm, and are changed during it."""
SAMPLES = 200
RESYNC = 60
"""Seconds between two comparisons with a listing: a tenth of the default, so that a rest of minutes has some."""
POLL = 0.25


@dataclass(frozen=True)
class Day:
    """What was measured."""

    stores: int
    resident: float
    """Memory in MiB, with all stores there and nothing to do."""
    peak: float
    storm: Samples
    """Spec change to first write while the others are brought about."""
    idle: Samples
    back: Samples
    """Child deleted to the next one being there."""
    calls: float
    """Requests to the API server per store in ten minutes of rest."""
    restart: float
    """Seconds from exec until everything was looked at."""
    restart_cpu: float
    restarted: float
    """Most memory in MiB until then: what is listed at once takes more than what comes bit by bit."""
    writes: int
    """Objects that the restart changed, and requests to write that it sent."""


async def day(stores: int, rest: float) -> Day:
    """Measures it.

    Args:
        stores: how many in the end.
        rest: seconds for which requests are counted with nothing to do.
    """
    async with site() as place:
        await place.stores(0, SETTLED)
        async with operator(place) as running_:
            await settled(running_)
        await place.stores(SETTLED, stores - SETTLED)
        async with operator(place) as running_:
            storm = await _storm(place, running_, stores)
            await settled(running_)
            resident, peak = memory(running_.process.pid)
            some = range(0, stores, max(1, stores // SAMPLES))
            async with changing(place, some) as changes:
                for _ in range(SAMPLES):
                    await changes.one()
            back = await deletions(place, some, SAMPLES)
            await settled(running_)
            calls = await _rest(running_, rest) / stores * 600 / rest
        return Day(stores, resident, peak, storm, changes.samples, back, calls, *await _restart(place))


@asynccontextmanager
async def operator(site: Site) -> AsyncIterator[Running]:
    """One as it is by default, but for the comparisons."""
    settings = {"watch_namespaces": NAMESPACE, "namespace": NAMESPACE, "resync_seconds": str(RESYNC)}
    with ExitStack() as stack:
        process = running(site.server.kubeconfig, site.folder, **settings)
        yield await asyncio.to_thread(stack.enter_context, process)


async def settled(operator: Running) -> None:
    """Waits until there is nothing left to do."""
    while not await asyncio.to_thread(operator.settled):  # noqa: ASYNC110 (metrics are no events)
        await asyncio.sleep(POLL)


async def _storm(site: Site, operator: Running, stores: int) -> Samples:
    async with changing(site, range(SETTLED)) as changes:
        storm = asyncio.create_task(site.told(stores))
        while not await asyncio.to_thread(operator.value, "leading"):  # noqa: ASYNC110
            await asyncio.sleep(POLL)
        while not storm.done():
            await changes.one()
        await storm
        return changes.samples


async def _rest(operator: Running, seconds: float) -> float:
    before = await asyncio.to_thread(operator.value, "api_requests_total")
    await asyncio.sleep(seconds)
    return await asyncio.to_thread(operator.value, "api_requests_total") - before


async def _restart(site: Site) -> tuple[float, float, float, int]:
    before = await site.tenant.versions()
    began = time.perf_counter()
    async with operator(site) as running_:
        await settled(running_)
        took, cpu = time.perf_counter() - began, cpu_seconds(running_.process.pid)
        _, peak = memory(running_.process.pid)
        sent = len(await asyncio.to_thread(running_.writes))
    after = await site.tenant.versions()
    changed = sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())
    return took, cpu, peak, changed + sent
