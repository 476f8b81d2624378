"""N new stores brought about with all their children, by each of the three in turn.

CPU is that of the process from its exec until the last store has a status, wall the same time by the
clock. Every run has an API server of its own; the order turns with the rounds.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from benchmarks.scale.processes import COMMANDS, cpu_seconds, memory, running
from benchmarks.scale.site import NAMESPACE, site

from vectorstore_operator.cluster.kinds import CHILDREN


@dataclass(frozen=True)
class Cold:
    """What one run took."""

    who: str
    wall: float
    cpu: float
    peak: float
    """Most resident memory, MiB."""
    children: int


async def cold(who: str, stores: int) -> Cold:
    """One run."""
    async with site() as place:
        await place.stores(0, stores)
        began = time.perf_counter()
        async with running(place, who) as process:
            await place.told(stores)
            wall, cpu, (_, peak) = time.perf_counter() - began, cpu_seconds(process.pid), memory(process.pid)
        made = [await place.cluster.list(kind, NAMESPACE) for kind in CHILDREN if not kind.optional]
        return Cold(who, wall, cpu, peak, sum(len(items) for items, _ in made))


async def rounds(stores: int, count: int) -> list[list[Cold]]:
    """So many rounds of all three."""
    done = []
    for number in range(count):
        order = list(COMMANDS)[:: -1 if number % 2 else 1]
        done.append([await told(who, stores) for who in order])
    return done


async def told(who: str, stores: int) -> Cold:
    """One run, told as it ends."""
    run = await cold(who, stores)
    figures = f"{run.cpu:.1f} CPU s, {run.wall:.1f} s, {run.peak:.0f} MiB, {run.children} children"
    print(f"cold: {who}: {figures}", file=sys.stderr, flush=True)
    return run
