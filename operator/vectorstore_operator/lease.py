"""Leadership: a Lease that one operator holds and the others watch.

Written with the resourceVersion that was read, so that of two takers one gets a conflict. Expiry is
judged by this process's own monotonic clock, from when it last saw the record change: clocks of
different machines are never compared. The holder gives up by itself `patience` seconds after its last
renewal, well before another may take over; `holds` is asked before every single write.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from vectorstore_operator import times
from vectorstore_operator.cluster import Cluster
from vectorstore_operator.errors import ClusterError
from vectorstore_operator.kinds import LEASE
from vectorstore_operator.objects import Object

log = logging.getLogger(__name__)

DURATION = 15
"""Seconds without a sign of life after which a Lease is free."""
PATIENCE = 10.0
"""Seconds after its last renewal in which the holder may write."""
INTERVAL = 2.0
"""Seconds between renewals, and between the looks of those who wait."""


class Lease:
    """One contender for one Lease."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            cluster: one whose writes do not ask this lease.
            namespace, name: where the Lease is.
            identity: who this is; unlike that of every other contender, past ones included.
            clock: seconds, monotonic.
        """
        self._cluster, self._namespace, self._name = cluster, namespace, name
        self._identity, self._clock = identity, clock
        self._until = float("-inf")
        self._seen: tuple[object, float] = (None, 0.0)
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
            try:
                async with asyncio.timeout(PATIENCE / 2):
                    await self.step()
            except (ClusterError, TimeoutError) as error:
                log.warning("lease %s: %r", self._name, error)
            if led != self.holds():
                led = not led
                log.info("%s %s", self._identity, "leads" if led else "does not lead any more")
            async with self._change:
                self._change.notify_all()
            await asyncio.sleep(INTERVAL)

    async def step(self) -> bool:
        """One try to take or renew it; tells whether it is held."""
        began = self._clock()
        live = await self._cluster.get(LEASE, self._namespace, self._name)
        if not self._free(live):
            self._until = float("-inf")
            return False
        await self._write(live, self._identity)
        self._until = began + PATIENCE
        return True

    async def release(self) -> None:
        """Gives it back, so that a successor need not wait for the expiry."""
        if not self.holds():
            return
        self._until = float("-inf")
        live = await self._cluster.get(LEASE, self._namespace, self._name)
        if live and live["spec"].get("holderIdentity") == self._identity:
            await self._write(live, "")

    def _free(self, live: Object | None) -> bool:
        spec = live.get("spec", {}) if live else {}
        record = (spec.get("holderIdentity"), spec.get("renewTime"))
        if record != self._seen[0]:
            self._seen = (record, self._clock())
        if not record[0] or record[0] == self._identity:
            return True
        return self._clock() - self._seen[1] >= float(spec.get("leaseDurationSeconds", DURATION))

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
