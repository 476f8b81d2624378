"""The one loop: from what was seen to what should be, step by step, as often as anything changes.

A look at a store resolves it, renders what it should consist of, applies what differs, prunes what is
not wanted any more, and tells how it stands. It goes by what can be read again alone: any step may fail or be
the last of a process, and the next look goes on from what is there. A store that is refused keeps its children as
they are, which is its last good state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from vectorstore_operator import accept, diff, names, objects, observe, ownership, prerequisites, render
from vectorstore_operator.cache import Cache, Key
from vectorstore_operator.claimed import Around
from vectorstore_operator.cluster import Cluster
from vectorstore_operator.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound, NotLeading, Terminating
from vectorstore_operator.events import Recorder, transitions
from vectorstore_operator.growing import adopt, grow
from vectorstore_operator.hosts import Hosts
from vectorstore_operator.keeper import Keeper
from vectorstore_operator.kinds import CLAIM, KINDS
from vectorstore_operator.metrics import Metrics
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.queue import exponential
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import claims
from vectorstore_operator.storage import Storage

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_REPLICAS = 16
"""The bound of `spec.replicas`."""


def backoff(error: Exception, failures: int) -> float:
    """Seconds until the next try: at once after a conflict, as asked when throttled, else doubling."""
    if isinstance(error, ClusterError) and error.retry_after is not None:
        return error.retry_after
    return exponential(failures, 0.01 if isinstance(error, Conflict) else 0.2)


class Reconciler:
    """Looks at one store or plan after another; called by the queue's workers."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        platform: render.Platform,
        recorder: Recorder,
        usage: Callable[[Key], observe.Usage | None],
        metrics: Metrics,
        spread: Callable[[Key], bool],
    ) -> None:
        self._cluster, self._cache, self._platform = cluster, cache, platform
        self._recorder, self._usage, self._metrics = recorder, usage, metrics
        self._storage = Storage(cluster)
        self._keeper = Keeper(cluster, cache, recorder, spread)
        self._hosts = Hosts(cache)

    async def __call__(self, key: Key) -> float | None:
        """One look. Returns in how many seconds another is wanted, or None.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
        """
        result = "ok"
        with self._metrics.seconds.time():
            try:
                return await (self._store(key) if key.namespace else self._plan(key.name))
            except ClusterError as error:
                result = type(error).__name__
                level = (
                    logging.INFO
                    if isinstance(error, Conflict | NotFound | NotLeading | Terminating)
                    else logging.WARNING
                )
                log.log(level, "%s/%s: %s", key.namespace, key.name, error)
                raise
            except Exception:
                result = "error"
                log.exception("%s/%s", key.namespace, key.name)
                raise
            finally:
                self._metrics.reconciles.labels(result).inc()

    async def _plan(self, name: str) -> None:
        plan = self._cache.plan(name)
        if plan is not None and "deletionTimestamp" not in plan["metadata"]:
            stores = self._cache.having(name)
            await self._tell(plan, observe.plan_status(plan, accept.plan(plan), datetime.now(UTC), stores))

    async def _store(self, key: Key) -> float | None:
        store = self._cache.store(key)
        if store is None or "deletionTimestamp" in store["metadata"]:
            return None  # what it consisted of goes by its owner references
        verdict = await adopt(self._cluster, self._cache, self._recorder, store) or await self._accept(key, store)
        failure: Forbidden | None = None
        paused = objects.paused(store)
        if isinstance(verdict, Resolved) and not paused:
            try:
                verdict = await self._converge(key, store, verdict)
            except Invalid as error:
                verdict = Refusal("Invalid", str(error))
            except Forbidden as error:
                verdict, failure = Refusal("Forbidden", str(error)), error
        children = self._cache.children(key)
        await self._tell(store, observe.status(store, verdict, children, self._usage(key), datetime.now(UTC)))
        if failure:
            raise failure
        if isinstance(verdict, Refusal):
            return verdict.again
        keys = None if paused else self._keeper.again(verdict, datetime.now(UTC))
        return min((wait for wait in (verdict.growth.wait, keys) if wait is not None), default=None)

    async def _accept(self, key: Key, store: Object) -> Resolved | Refusal:
        children, usage = self._cache.children(key), self._usage(key)
        around = Around(
            classes=await self._storage.classes(),
            driver=await self._storage.driver(children.get((CLAIM.name, names.claim(key.name, 0)))),
            used=usage.bytes if usage else None,
            now=datetime.now(UTC),
        )
        return accept.store(store, self._cache.plans(), children, around)

    async def _converge(self, key: Key, store: Object, wanted: Resolved) -> Resolved | Refusal:
        """Makes the children what they should be, or tells what is in the way."""
        staying = prerequisites.staying(wanted, self._platform, self._cache.children(key))
        if refusal := await prerequisites.missing(self._cluster, wanted, staying):
            return refusal
        if refusal := self._hosts.refused(wanted):
            return refusal
        now, given = datetime.now(UTC), await self._keeper.given(wanted)
        if isinstance(given, Refusal):
            return given
        children = self._cache.children(key)
        expected = self._keeper.expected(wanted, given)
        phases = self._desired(wanted, {objects.key(expected): expected} | children, given, now)
        unseen = await self._unseen(phases, children)
        if refusal := diff.conflicts([obj for phase in phases for obj in phase], unseen | children):
            return refusal  # before there are keys
        if refusal := await self._keeper.keep(store, wanted, expected, given, now):
            return refusal
        if (known := self._cache.children(key)) != children:
            phases = self._desired(wanted, known, given, now)
        if await grow(self._cluster, self._cache, self._recorder, store, wanted):
            known = self._cache.children(key)
        children = unseen | known
        for phase in phases:
            differing = diff.to_apply(phase, children)
            self._metrics.compared(phase, differing)
            await together(self._apply(obj, children) for obj in differing)
        children = self._cache.children(key)
        await together(self._delete(obj) for obj in (*diff.to_prune(phases, children), *surplus(wanted, children)))
        kept = (obj for (kind, _), obj in children.items() if kind == "PersistentVolumeClaim")
        await together(self._apply(patch, children) for obj in kept if (patch := claims.owner_patch(wanted, obj)))
        return wanted

    def _desired(
        self, wanted: Resolved, children: Children, given: Object | None, now: datetime
    ) -> tuple[tuple[Object, ...], ...]:
        seen = dict(children) | ({objects.key(given): given} if given else {})
        return render.desired(wanted, self._platform, seen, now)

    async def _unseen(self, phases: Iterable[tuple[Object, ...]], children: Children) -> dict[tuple[str, str], Object]:
        """Live objects that have the names of children to be made: somebody else's, or strayed from the watches."""
        missing = [o for phase in phases for o in phase if objects.key(o) not in children]
        live = await together(
            self._cluster.get(KINDS[o["kind"]], o["metadata"]["namespace"], o["metadata"]["name"]) for o in missing
        )
        return {objects.key(found): found for found in live if found}

    async def _apply(self, obj: Object, children: Children) -> None:
        live = children.get(objects.key(obj))
        if live is None:
            self._cache.put(await self._cluster.apply(obj))
            return
        # With the uid an object that was replaced meanwhile is a conflict, not overwritten.
        stated = {**obj, "metadata": obj["metadata"] | {"uid": live["metadata"]["uid"]}}
        try:
            made = await self._cluster.apply(stated)
        except Invalid:
            # What somebody added to a list may not go with what we state of it.
            now = await self._cluster.get(KINDS[obj["kind"]], obj["metadata"]["namespace"], obj["metadata"]["name"])
            if now is None or not await self._take_over(now):
                raise
            made = await self._cluster.apply(stated)
        else:
            if await self._take_over(made):
                made = await self._cluster.apply(stated)
        self._cache.put(made)

    async def _take_over(self, live: Object) -> bool:
        """Makes all fields of a child ours, so that the next apply removes what is not stated; whether any were not."""
        fields = ownership.taken_over(live)
        if fields is None:
            return False
        await self._cluster.patch(live, {"metadata": {"managedFields": fields}})
        return True

    async def _delete(self, obj: Object) -> None:
        log.info("prune %s %s/%s", obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
        await self._cluster.delete(obj)
        self._metrics.prunes.labels(obj["kind"]).inc()

    async def _tell(self, about: Object, status: Object) -> None:
        """Writes the status and the Events of what changed in it, if anything did."""
        before = about.get("status", {})
        if status == before:
            return
        meta = {k: about["metadata"][k] for k in ("name", "namespace", "uid") if k in about["metadata"]}
        body = {"apiVersion": about["apiVersion"], "kind": about["kind"], "metadata": meta, "status": status}
        self._cache.put(await self._cluster.apply(body, "status"))
        for news in transitions(before, status):
            await self._recorder.tell(about, news)


def surplus(wanted: Resolved, children: Children) -> list[Object]:
    """Claims of followers that are not wanted and whose pods are gone: they hold nothing that ordinal 0 does not."""
    ordinals = range(max(1, wanted.replicas), MOST_REPLICAS)
    found = (
        children.get(("PersistentVolumeClaim", names.claim(wanted.name, ordinal)))
        for ordinal in ordinals
        if ("Pod", f"{wanted.name}-{ordinal}") not in children
    )
    return [claim for claim in found if claim and "deletionTimestamp" not in claim["metadata"]]


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """All of it at the same time, each to its end; then the first error, if there was one."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
