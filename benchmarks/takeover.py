"""How long nobody works after the operator that led was ended or killed: `python -m benchmarks.takeover`.

Needs KUBEBUILDER_ASSETS (etcd and kube-apiserver); starts an API server of its own with so many stores, whose
pods nobody starts. In every round the one that leads gets its signal while another waits, and from that moment
on stores are changed, every 50 ms and later every second, until the other writes. Each has a wire to the API
server that records when: the first write of the successor, and that of the last store that was changed before it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.scale.processes import cpu_seconds
from benchmarks.scale.site import NAMESPACE, Site, name, site
from tests.support import operators
from tests.support.wires import Wire, Write

OFTEN, SELDOM = 0.05, 1.0
"""Seconds between two changes: in the first two seconds, and later."""
SIGNALS = (signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True)
class Contender:
    """An operator and its wire."""

    operator: operators.Running
    wire: Wire


class Bench:
    """The stores and whoever looks after them."""

    def __init__(self, place: Site, stores: int, ends: ExitStack) -> None:
        self.place, self.stores, self.ends = place, stores, ends
        self.changes = 0

    async def contender(self, **settings: Any) -> Contender:
        """One more operator, with its caches filled."""
        wire = self.ends.enter_context(Wire(self.place.server, self.place.folder))
        settings |= {"watch_namespaces": NAMESPACE, "namespace": NAMESPACE}
        operator = operators.running(wire.kubeconfig, self.place.folder, **settings)
        return Contender(await asyncio.to_thread(self.ends.enter_context, operator), wire)

    async def change(self) -> str:
        """Has the limits of another store changed; which."""
        self.changes += 1
        store = name(self.changes % self.stores)
        await self.place.tenant.change("VectorStore", store, quota={"documents": self.changes % 999 + 1})
        return store

    async def takeover(self, number: signal.Signals, leads: Contender, waits: Contender) -> tuple[float, float]:
        """One; seconds from the signal to the first write, and to that of the last store that had to wait."""
        await until(leads.operator.settled)
        await until(lambda: waits.operator.value("stores") == self.stores)
        await until(lambda: calm(waits.operator.process.pid))
        began, changed = time.monotonic(), set()
        leads.operator.process.send_signal(number)
        while not waits.wire.writes:
            changed.add(await self.change())
            await asyncio.sleep(OFTEN if time.monotonic() < began + 2 else SELDOM)
        first = waits.wire.writes[0].began
        await asyncio.to_thread(leads.operator.process.wait)
        assert [write for write in leads.wire.writes if write.ended > first] == [], "two operators wrote"
        waiting = changed - {limited(write) for write in leads.wire.writes if write.began > began}
        await until(lambda: waiting <= {limited(write) for write in waits.wire.writes})
        firsts = (next(write.began for write in waits.wire.writes if limited(write) == store) for store in waiting)
        return first - began, max(firsts, default=first) - began


def limited(write: Write) -> str:
    """The store whose limits were written."""
    return write.path.rpartition("/")[2].removesuffix("-limits") if "/configmaps/" in write.path else ""


def calm(pid: int) -> bool:
    """Whether a process has hardly anything to do: kopf lists stores when it starts, too."""
    before = cpu_seconds(pid)
    time.sleep(1)
    return cpu_seconds(pid) - before < 0.1


async def until(true: Callable[[], bool]) -> None:
    await asyncio.to_thread(operators.wait_until, true)


async def run(bench: Bench, rounds: int) -> None:
    """All rounds and what they come to."""
    await bench.place.stores(0, bench.stores)
    leads = await bench.contender(reconciles_per_second="10000")
    await bench.place.told(bench.stores)
    for number in SIGNALS:
        took = []
        for _ in range(rounds):
            waits = await bench.contender()
            took.append(await bench.takeover(number, leads, waits))
            leads = waits
            print(f"{number.name}: first write {took[-1][0]:.2f} s, last that waited {took[-1][1]:.2f} s", flush=True)
        for what, seconds in zip(("first write", "last that waited"), zip(*took, strict=True), strict=True):
            median, worst = statistics.median(seconds), max(seconds)
            print(
                f"{number.name}, {bench.stores} stores, {what}: median {median:.2f} s, worst {worst:.2f} s", flush=True
            )


async def main() -> None:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stores", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    async with site() as place:
        with ExitStack() as ends:
            await run(Bench(place, chosen.stores, ends), chosen.rounds)


if __name__ == "__main__":
    asyncio.run(main())
