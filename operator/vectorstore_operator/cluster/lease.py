"""Leadership: a Lease that one operator holds and the others watch.

Written with the resourceVersion that was read, so that of two takers one gets a conflict. Expiry is
judged by this process's own clock, from when it last saw the record change: clocks of different machines
are never compared, and this one cannot be set. The holder gives up by itself `PATIENCE` seconds after it
began its last renewal, well before another may take over; `holds` is asked before every single write.

Who waits watches the record, so that it is taken in the moment in which it is given back or runs out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from vectorstore_operator import times
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.errors import ClusterError
from vectorstore_operator.cluster.kinds import LEASE
from vectorstore_operator.objects import Object

log = logging.getLogger(__name__)

DURATION = 15
"""Seconds without a sign of life after which a Lease is free."""
PATIENCE = 10.0
"""Seconds after its last renewal in which the holder may write."""
INTERVAL = 2.0
"""Seconds between renewals, and until another try after a failure."""


def awake() -> float:
    """Seconds by a clock that goes on while the machine sleeps, unlike the monotonic one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """One contender for one Lease."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], float] = awake,
    ) -> None:
        """
        Args:
            cluster: one whose writes do not ask this lease.
            namespace, name: where the Lease is.
            identity: who this is; unlike that of every other contender, past ones included.
            clock: seconds; nobody can set it.
        """
        self._cluster, self._namespace, self._name = cluster, namespace, name
        self._identity, self._clock = identity, clock
        self._until = float("-inf")
        self._seen: tuple[object, ...] = ()
        self._expires = float("-inf")
        self._version = ""
        self._change = asyncio.Condition()

    def holds(self) -> bool:
        """Whether this process may write now."""
        return self._clock() < self._until

    async def wait(self, held: bool) -> None:
        """Waits until the lease is held, or is not any more."""
        async with self._change:
            await self._change.wait_for(lambda: self.holds() == held)

    async def run(self) -> None:
        """Takes and renews the Lease for ever."""
        led = False
        while True:
            pause = self._turn
            try:
                async with asyncio.timeout(PATIENCE / 2):
                    if await self.step():
                        pause = _interval
            except (ClusterError, TimeoutError) as error:
                log.warning("lease %s: %r", self._name, error)
                pause = _interval
            if led != self.holds():
                led = not led
                log.info("%s %s", self._identity, "leads" if led else "does not lead any more")
            async with self._change:
                self._change.notify_all()
            await pause()

    async def step(self) -> bool:
        """One try to take or renew it; tells whether it is held."""
        began = self._clock()
        live = await self._cluster.get(LEASE, self._namespace, self._name)
        if not self._free(live):
            self._until = float("-inf")
            self._version = live["metadata"]["resourceVersion"] if live else ""
            return False
        await self._write(live, self._identity)
        self._until = began + PATIENCE
        return True

    def lay_down(self) -> None:
        """Forbids writes from now on. The Lease stays this process's, until it is given back or runs out."""
        self._until = float("-inf")

    async def release(self) -> None:
        """Gives it back, if it is this process's: a successor need not wait until it runs out, as it does else.

        To be called when `run` has ended and no write is under way.
        """
        self.lay_down()
        with contextlib.suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(PATIENCE / 2):
                live = await self._cluster.get(LEASE, self._namespace, self._name)
                if live and live["spec"].get("holderIdentity") == self._identity:
                    await self._write(live, "")

    async def _turn(self) -> None:
        """Waits until the Lease looks free: given back, or unchanged for as long as it lasts."""
        one = f"metadata.name={self._name}"
        try:
            async with asyncio.timeout(self._expires - self._clock()) as limit:
                async for event, live in self._cluster.watch(LEASE, self._namespace, "", self._version, one):
                    if event == "DELETED" or (event != "BOOKMARK" and self._free(live)):
                        return
                    limit.reschedule(asyncio.get_running_loop().time() + self._expires - self._clock())
        except TimeoutError:
            return
        except ClusterError as error:
            log.debug("watch of lease %s: %r", self._name, error)  # who may not watch it looks at it
        await _interval()

    def _free(self, live: Object | None) -> bool:
        spec = live.get("spec", {}) if live else {}
        lasts = float(spec.get("leaseDurationSeconds", DURATION))
        record = (spec.get("holderIdentity"), spec.get("renewTime"), lasts)
        if record != self._seen:
            self._seen, self._expires = record, self._clock() + lasts
        return record[0] in (None, "", self._identity) or self._clock() >= self._expires

    async def _write(self, live: Object | None, holder: str) -> None:
        spec: dict[str, Any] = dict(live.get("spec", {})) if live else {}
        now = times.micro_time(datetime.now(UTC))
        if holder and spec.get("holderIdentity") != holder:
            spec |= {"acquireTime": now, "leaseTransitions": spec.get("leaseTransitions", 0) + 1}
        spec |= {"holderIdentity": holder, "renewTime": now, "leaseDurationSeconds": DURATION if holder else 1}
        if live:
            await self._cluster.replace({**live, "spec": spec})
            return
        head = {"apiVersion": LEASE.api_version, "kind": LEASE.name}
        await self._cluster.create(
            {**head, "metadata": {"namespace": self._namespace, "name": self._name}, "spec": spec}
        )


async def _interval() -> None:
    await asyncio.sleep(INTERVAL)
