"""What an operator does while it leads: the line of stores and plans, the looks at them, and what instances are asked.

All of it is made when the operator begins to lead, and goes when it ends: what one leader remembers says
nothing of what another did meanwhile.
"""

from __future__ import annotations

import asyncio

from vectorstore_operator.backups.line import Line
from vectorstore_operator.backups.watching import Watching
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.events import Recorder
from vectorstore_operator.instances.checkpoint import Checkpoints
from vectorstore_operator.instances.pushes import Pushes
from vectorstore_operator.instances.usage import Instances
from vectorstore_operator.objects import Object
from vectorstore_operator.reconcile.loop import Reconciler, backoff
from vectorstore_operator.render import Platform, keys
from vectorstore_operator.rollout.pace import Pace
from vectorstore_operator.settings import OperatorSettings
from vectorstore_operator.telemetry.metrics import Metrics
from vectorstore_operator.workqueue import Bucket, WorkQueue

RECOUNT = 1.0
"""Seconds until the stores of a plan are counted after one came or went."""


class Work:
    """The parts that an operator has while it leads."""

    def __init__(
        self,
        settings: OperatorSettings,
        cluster: Cluster,
        cache: Cache,
        watching: Watching,
        metrics: Metrics,
        secret: bytes,
    ) -> None:
        """
        Args:
            settings: the operator's.
            cluster: is written to, while the operator leads.
            cache: what is there.
            watching: what is there of backups.
            metrics: counts what is done.
            secret: what the tokens between operator and instances are derived from.
        """

        def token(store: Object) -> str:
            return keys.token(secret, "admin", store["metadata"]["uid"])

        self._cache = cache
        recorder = Recorder(cluster, settings.identity, metrics.count_event)
        self.backups = Line(settings, cluster, cache, watching, recorder, token, self._again, metrics.count_failed)
        self.instances = Instances(cache, token, self.changed, settings.usage_seconds, self.backups.asked.heard)
        self._pushes = Pushes(cache, token)
        self._checkpoints = Checkpoints(cache, token, self.changed)
        self._pace = Pace(cache, settings.instance_image, self.changed, self._count)
        self._reconcile = Reconciler(
            cluster,
            cache,
            platform(settings, secret),
            recorder,
            self.instances.usage,
            metrics,
            self._pushes.spread,
            self._pace,
            self._checkpoints,
            self.backups.backed,
        )
        rate = settings.reconciles_per_second
        self.queue = WorkQueue(self._look, backoff, workers=settings.workers, bucket=Bucket(rate, 2 * rate))

    def changed(self, key: Key) -> None:
        """Gives a store or plan to the workers; a plan's stores with it."""
        self.queue.add(key, ahead=self._cache.asks(key))
        if not key.namespace:
            for user in self._cache.users(key.name):
                self.queue.add(user)
        self.backups.changed(key)

    async def run(self) -> None:
        """Reconciles every store and plan, now and whenever something changes; ends when cancelled."""
        for key in self._cache.everything():
            self.queue.add(key)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run())
            group.create_task(self.instances.run())
            group.create_task(self._pushes.run())
            group.create_task(self.backups.run())

    async def stop(self) -> None:
        """Forgets what was to come later, and waits for no checkpoint any more."""
        self.queue.close()
        self.backups.close()
        await self._checkpoints.stop()

    async def _look(self, key: Key) -> float | None:
        had, restored = self._cache.has(key), self._restored(key)
        try:
            return await self._reconcile(key)
        finally:
            self._pushes.add(key)  # what the look changed, or a pod that became ready
            if key.namespace:
                self._pace.looked(key)
            if self._cache.has(key) != had or self._restored(key) != restored:
                self.backups.changed(key)  # as what the look itself told comes back from no watch
            if key.namespace and (self._cache.store(key) is None or self._cache.has(key) != had):
                for plan in self._cache.plans():
                    self._count(Key("", plan["metadata"]["name"]))

    def _again(self, key: Key) -> None:
        """Has a store told what there is to tell of its backups and restores."""
        self.queue.add(key)

    def _restored(self, key: Key) -> Object | None:
        """What is told of a store's restore."""
        restore: Object | None = ((self._cache.store(key) or {}).get("status") or {}).get("restore")
        return restore

    def _count(self, plan: Key) -> None:
        """Has the stores of a plan counted in a moment: many that come at once are one count."""
        self.queue.add_after(plan, RECOUNT)


def platform(settings: OperatorSettings, secret: bytes) -> Platform:
    """What all stores of an operator have in common."""
    return Platform(
        image=settings.instance_image,
        operator_namespace=settings.namespace,
        operator_labels=settings.labels,
        run_as=settings.run_as if isinstance(settings.run_as, int) else None,
        image_pull_policy=settings.image_pull_policy,
        secret=secret,
        metrics_from=settings.metrics_from,
    )
