"""Wires the operator together and runs it: `python -m vectorstore_operator`.

Everything that watches starts at once, on a standby as well, so that its cache is warm when it takes
over; only the workers and the questions to instances wait for the Lease.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Mapping
from typing import Any

import kopf
import uvloop
from pydantic import ValidationError

from vectorstore_operator import handlers
from vectorstore_operator.backups.known import Backup, Grant, Item
from vectorstore_operator.backups.numbers import Numbers
from vectorstore_operator.backups.watching import Watching
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.connection import Connection, connect
from vectorstore_operator.cluster.errors import ClusterError
from vectorstore_operator.cluster.kinds import CHILDREN
from vectorstore_operator.cluster.lease import Lease
from vectorstore_operator.cluster.resync import Resync
from vectorstore_operator.cluster.watch import Informer
from vectorstore_operator.observe import Usage
from vectorstore_operator.reconcile.credentials import patient_secret
from vectorstore_operator.settings import OperatorSettings, wrong
from vectorstore_operator.telemetry.metrics import Metrics
from vectorstore_operator.telemetry.serving import serve
from vectorstore_operator.telemetry.vitals import Vitals
from vectorstore_operator.work import Work
from vectorstore_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)


class Operator:
    """All parts of one operator."""

    def __init__(self, settings: OperatorSettings, api: Connection) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.cache = Cache()
        self.anyhow = anyhow = Cluster(api, counted=self.metrics.count_request)
        self.lease = Lease(anyhow, settings.namespace, settings.lease_name, settings.identity)
        self.cluster = Cluster(api, self.leads, self.metrics.count_request)
        namespaces = settings.watch_namespaces or (None,)
        self.informers = [
            Informer(anyhow, kind, namespace, self.cache, self.changed) for kind in CHILDREN for namespace in namespaces
        ]
        self.watching = Watching(anyhow, namespaces, settings.namespace, self.seen, self.moved)
        self.resync = Resync(anyhow, namespaces, self.cache, self.changed, settings.resync_seconds)
        informers = (*self.informers, *self.watching.informers)
        self.sources: tuple[Resync | Informer[Any], ...] = (self.resync, *informers)
        self.working: Work | None = None
        """What is done, while this operator leads."""
        self.running: asyncio.Task[None] | None = None
        self.vitals = Vitals(self.cache, self.resync, informers, self.queue, self.usage)
        self.vitals.register(self.metrics)
        self.metrics.registry.register(Numbers(self.watching.shelf))

    def leads(self) -> bool:
        """Whether this operator may write."""
        return not self.settings.lease or self.lease.holds()

    def changed(self, key: Key) -> None:
        """Gives a store or plan to the workers, if this operator has any."""
        if self.working is not None:
            self.working.changed(key)

    def seen(self, what: Backup | Grant) -> None:
        """Tells the workers of a backup or grant, likewise."""
        if self.working is not None:
            self.working.backups.seen(what)

    def moved(self, item: Item) -> None:
        """Tells the workers whose Jobs got on, likewise."""
        if self.working is not None:
            self.working.backups.moved(item)

    def queue(self) -> WorkQueue[Key] | None:
        """What is in line, while this operator leads; may be asked for on another thread."""
        working = self.working
        return None if working is None else working.queue

    def usage(self) -> Mapping[Key, Usage]:
        """What every store last said it holds, as far as this operator asks; likewise."""
        working = self.working
        return {} if working is None else working.instances.known

    async def filled(self) -> None:
        """Waits until the cache holds all there is."""
        for source in self.sources:
            await source.listed.wait()
        await self.resync.heard()

    async def start(self, stop: asyncio.Event) -> None:
        """Begins to watch and waits until stores and plans are known; when all this ended, `stop` is set."""
        self.running = asyncio.create_task(self.run(), name="operator")
        self.running.add_done_callback(lambda _: stop.set())
        listed = asyncio.create_task(self.resync.listed.wait())
        await asyncio.wait({self.running, listed}, return_when=asyncio.FIRST_COMPLETED)
        listed.cancel()

    async def stop(self) -> None:
        """Ends everything, what is being written first."""
        self.lease.lay_down()
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait({self.running})

    async def run(self) -> None:
        """Watches, and works while it leads; ends when cancelled."""
        settings = self.settings
        answering = serve(self.metrics.registry, self.vitals.unready, self.vitals.dead, settings.host, settings.port)
        async with answering:
            try:
                async with asyncio.TaskGroup() as group:
                    for source in self.sources:
                        group.create_task(source.run())
                    if settings.lease:
                        group.create_task(self.lease.run())
                    group.create_task(self.lead())
            finally:
                await self.resign()

    async def lead(self) -> None:
        """Works whenever this operator leads."""
        await self.filled()
        while True:
            if self.settings.lease:
                await self.lease.wait(held=True)
            async with asyncio.TaskGroup() as group:
                work = group.create_task(self.work())
                try:
                    await self.lost()
                finally:
                    work.cancel()
                    await asyncio.wait({work})

    async def resign(self) -> None:
        """Lets another lead at once, when nothing is being written any more."""
        await self.anyhow.quiet()
        await self.cluster.quiet()
        if self.settings.lease:
            await self.lease.release()

    async def lost(self) -> None:
        """Waits until this operator does not lead any more."""
        if not self.settings.lease:
            await asyncio.Event().wait()
        await self.lease.wait(held=False)

    async def work(self) -> None:
        """Reconciles every store and plan, now and whenever something changes."""
        settings, cluster = self.settings, self.cluster
        await self.resync.afresh()  # by an older spec what the predecessor did would be undone, and done once more
        secret = await patient_secret(cluster, settings.namespace, settings.secret_name, settings.secret_file)
        working = self.working = Work(settings, cluster, self.cache, self.watching, self.metrics, secret)
        try:
            await working.run()
        finally:
            self.working = None
            await working.stop()


async def operate(settings: OperatorSettings) -> int:
    """Runs an operator until a signal; returns the exit status."""
    stop = asyncio.Event()
    async with await connect() as api:
        operator = Operator(settings, api)
        await kopf.operator(
            registry=handlers.registry(
                operator.cache,
                operator.changed,
                operator.resync.saw,
                operator.resync.soon,
                start=lambda: operator.start(stop),
                stop=operator.stop,
            ),
            settings=handlers.settings(),
            clusterwide=not settings.watch_namespaces,
            namespaces=settings.watch_namespaces,
            stop_flag=stop,
        )
    if operator.running and not operator.running.cancelled() and (error := operator.running.exception()):
        log.critical("the operator failed", exc_info=error)
        return 1
    return 0


def main() -> int:
    """The program."""
    try:
        settings = OperatorSettings()
    except ValidationError as error:
        print(*wrong(error), sep="\n", file=sys.stderr)
        return 2
    kopf.configure(log_format=kopf.LogFormat.JSON if settings.log_format == "json" else kopf.LogFormat.FULL)
    logging.getLogger().setLevel(settings.log_level)
    # What is known of a thousand stores are half a million containers, none of them garbage: each search takes long.
    gc.set_threshold(50_000, 20, 100)
    try:
        return uvloop.run(operate(settings))
    except ClusterError as error:
        log.critical("%s", error)
        return 2
