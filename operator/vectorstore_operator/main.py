"""Wires the operator together and runs it: `python -m vectorstore_operator`.

Everything that watches starts at once, on a standby as well, so that its cache is warm when it takes
over; only the workers and the questions to instances wait for the Lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping

import kopf
import uvloop
from pydantic import ValidationError

from vectorstore_operator import handlers, render
from vectorstore_operator.cache import Cache, Key
from vectorstore_operator.cluster import Cluster, Connection, connect
from vectorstore_operator.credentials import operator_secret
from vectorstore_operator.errors import ClusterError
from vectorstore_operator.events import Recorder
from vectorstore_operator.instances import Instances
from vectorstore_operator.kinds import CHILDREN
from vectorstore_operator.lease import Lease
from vectorstore_operator.metrics import Metrics
from vectorstore_operator.objects import Object
from vectorstore_operator.observe import Usage
from vectorstore_operator.pushes import Pushes
from vectorstore_operator.queue import Bucket, WorkQueue, exponential
from vectorstore_operator.reconcile import Reconciler, backoff
from vectorstore_operator.render import keys
from vectorstore_operator.resync import Resync
from vectorstore_operator.serving import serve
from vectorstore_operator.settings import OperatorSettings
from vectorstore_operator.vitals import Vitals
from vectorstore_operator.watch import Informer

log = logging.getLogger(__name__)

RECOUNT = 1.0
"""Seconds until the stores of a plan are counted after one came or went."""


class Operator:
    """All parts of one operator."""

    def __init__(self, settings: OperatorSettings, api: Connection) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.cache = Cache()
        anyhow = Cluster(api, counted=self.metrics.count_request)
        self.lease = Lease(anyhow, settings.namespace, settings.lease_name, settings.identity)
        self.cluster = Cluster(api, self.leads, self.metrics.count_request)
        namespaces = settings.watch_namespaces or (None,)
        self.informers = [
            Informer(anyhow, kind, namespace, self.cache, self.changed) for kind in CHILDREN for namespace in namespaces
        ]
        self.resync = Resync(anyhow, namespaces, self.cache, self.changed, settings.resync_seconds)
        self.sources: tuple[Resync | Informer, ...] = (self.resync, *self.informers)
        self.queue: WorkQueue[Key] | None = None
        self.instances: Instances | None = None
        self.running: asyncio.Task[None] | None = None
        self.vitals = Vitals(self.cache, self.resync, self.informers, lambda: self.queue, self.usage)
        self.vitals.register(self.metrics)

    def leads(self) -> bool:
        """Whether this operator may write."""
        return not self.settings.lease or self.lease.holds()

    def changed(self, key: Key) -> None:
        """Gives a store or plan to the workers, if this operator has any; a plan's stores with it."""
        if self.queue is None:
            return
        self.queue.add(key)
        if not key.namespace:
            for user in self.cache.users(key.name):
                self.queue.add(user)

    def recount(self) -> None:
        """Has the stores of every plan counted in a moment: many that come at once are one count."""
        for plan in self.cache.plans():
            if self.queue is not None:
                self.queue.add_after(Key("", plan["metadata"]["name"]), RECOUNT)

    async def filled(self) -> None:
        """Waits until the cache holds all there is."""
        for source in self.sources:
            await source.listed.wait()

    def usage(self) -> Mapping[Key, Usage]:
        """What every store last said it holds, as far as this operator asks."""
        return {} if self.instances is None else self.instances.known

    async def start(self, stop: asyncio.Event) -> None:
        """Begins to watch and waits until stores and plans are known; a failure sets `stop`."""
        self.running = asyncio.create_task(self.run(), name="operator")
        self.running.add_done_callback(lambda _: stop.set())
        listed = asyncio.create_task(self.resync.listed.wait())
        await asyncio.wait({self.running, listed}, return_when=asyncio.FIRST_COMPLETED)
        listed.cancel()

    async def stop(self) -> None:
        """Ends everything, what is being written first."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait({self.running})

    async def run(self) -> None:
        """Watches, and works while it leads; ends when cancelled."""
        settings = self.settings
        answering = serve(self.metrics.registry, self.vitals.unready, self.vitals.dead, settings.host, settings.port)
        async with answering, asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(source.run())
            if settings.lease:
                group.create_task(self.lease.run())
            group.create_task(self.lead())

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
                    with contextlib.suppress(Exception):
                        await self.lease.release()

    async def lost(self) -> None:
        """Waits until this operator does not lead any more."""
        if not self.settings.lease:
            await asyncio.Event().wait()
        await self.lease.wait(held=False)

    async def secret(self) -> bytes:
        """The operator secret, however long the API server takes to give it."""
        settings, failures = self.settings, 0
        while True:
            try:
                return await operator_secret(
                    self.cluster, settings.namespace, settings.secret_name, settings.secret_file
                )
            except ClusterError as error:
                failures += 1
                log.warning("the operator secret cannot be had, trying again: %s", error)
                await asyncio.sleep(exponential(failures, 0.2, 10))

    async def work(self) -> None:
        """Reconciles every store and plan, now and whenever something changes."""
        settings, cluster = self.settings, self.cluster
        secret = await self.secret()
        platform = render.Platform(
            image=settings.instance_image,
            operator_namespace=settings.namespace,
            operator_labels=settings.labels,
            run_as=settings.run_as if isinstance(settings.run_as, int) else None,
            image_pull_policy=settings.image_pull_policy,
            secret=secret,
            metrics_from=settings.metrics_from,
        )

        def token(store: Object) -> str:
            return keys.token(secret, "admin", store["metadata"]["uid"])

        instances = Instances(self.cache, token, self.changed, settings.usage_seconds)
        pushes = Pushes(self.cache, token)
        self.instances = instances
        recorder = Recorder(cluster, settings.identity, self.metrics)
        reconciler = Reconciler(cluster, self.cache, platform, recorder, instances.usage, self.metrics, pushes.spread)

        async def look(key: Key) -> float | None:
            had = self.cache.has(key)
            try:
                return await reconciler(key)
            finally:
                pushes.add(key)  # what the look changed, or a pod that became ready
                if key.namespace and (self.cache.store(key) is None or self.cache.has(key) != had):
                    self.recount()

        rate = settings.reconciles_per_second
        self.queue = WorkQueue(look, backoff, workers=settings.workers, bucket=Bucket(rate, 2 * rate))
        for key in self.cache.everything():
            self.queue.add(key)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.queue.run())
                group.create_task(instances.run())
                group.create_task(pushes.run())
        finally:
            self.queue.close()
            self.queue = self.instances = None


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
        for wrong in error.errors(include_url=False):
            name = f"OPERATOR_{'_'.join(str(part) for part in wrong['loc'])}".upper()
            print(f"{name}: {wrong['msg']}, not {wrong['input']!r}", file=sys.stderr)
        return 2
    kopf.configure(log_format=kopf.LogFormat.JSON if settings.log_format == "json" else kopf.LogFormat.FULL)
    logging.getLogger().setLevel(settings.log_level)
    try:
        return uvloop.run(operate(settings))
    except ClusterError as error:
        log.critical("%s", error)
        return 2
