"""The one loop: from what was seen to what should be, step by step, as often as anything changes.

A look at a store resolves it, renders what it should consist of, applies what differs, prunes what is
not wanted any more, and tells how it stands. It goes by what can be read again alone: any step may fail or be
the last of a process, and the next look goes on from what is there. A store that is refused keeps its children as
they are, which is its last good state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from vectorstore_operator import diff, names, objects, observe, render
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotLeading,
    Terminating,
)
from vectorstore_operator.cluster.events import Recorder
from vectorstore_operator.cluster.kinds import CLAIM
from vectorstore_operator.cluster.pausing import pause
from vectorstore_operator.keys.holder import holder, holder_of
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.observe.news import transitions
from vectorstore_operator.observe.pods import serves
from vectorstore_operator.plan import Resolved, accept
from vectorstore_operator.plan.claimed import Around
from vectorstore_operator.reconcile import prerequisites
from vectorstore_operator.reconcile.applying import Hands, Taken, surplus, together
from vectorstore_operator.reconcile.hosts import Hosts
from vectorstore_operator.reconcile.keeper import Keeper
from vectorstore_operator.reconcile.lasting import Lasting
from vectorstore_operator.reconcile.plans import Plans
from vectorstore_operator.reconcile.rolling import Checkpoints, Course, Rolling, as_marked
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import claims
from vectorstore_operator.rollout.pace import Pace
from vectorstore_operator.telemetry.metrics import Metrics
from vectorstore_operator.volumes.growing import adopt, grow
from vectorstore_operator.volumes.storage import Storage

log = logging.getLogger(__name__)


def backoff(error: Exception, failures: int) -> float:
    """Seconds until the next try: at once after a conflict, not before the API server asks for it, else doubling."""
    return pause(error, failures, 0.01 if isinstance(error, Conflict) else 0.2)


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
        pace: Pace,
        checkpoints: Checkpoints,
        backed: Callable[[Key, Object, datetime], observe.Backed],
    ) -> None:
        self._cluster, self._cache, self._platform = cluster, cache, platform
        self._recorder, self._usage, self._metrics, self._backed = recorder, usage, metrics, backed
        self._storage = Storage(cluster)
        self._hands = Hands(cluster, cache, metrics)
        self._keeper = Keeper(cluster, cache, recorder, spread)
        self._hosts = Hosts(cache)
        self._rolling = Rolling(platform, pace.held, checkpoints)
        self._plans = Plans(cache, pace, self._tell)
        self._lasting = Lasting(self._undecided)

    async def __call__(self, key: Key) -> float | None:
        """One look. Returns in how many seconds another is wanted, or None.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
        """
        result = "ok"
        with self._metrics.seconds.time():
            try:
                again = await (self._store(key) if key.namespace else self._plans.look(key.name))
                self._lasting.over(key)
                return again
            except ClusterError as error:
                result = type(error).__name__
                passing = isinstance(error, Conflict | NotFound | NotLeading | Terminating)
                log.log(logging.INFO if passing else logging.WARNING, "%s/%s: %s", key.namespace, key.name, error)
                await self._lasting.failed(key, error)
                raise
            except Exception:
                result = "error"
                log.exception("%s/%s", key.namespace, key.name)
                raise
            finally:
                self._metrics.reconciles.labels(result).inc()

    async def _store(self, key: Key) -> float | None:
        store = self._cache.store(key)
        if store is None or "deletionTimestamp" in store["metadata"]:
            return None  # what it consisted of goes by its owner references
        adopted = await adopt(self._cluster, self._cache, self._recorder, store)
        verdict, course, failure = (adopted, None, None) if adopted else await self._bring_about(key, store)
        keys: float | None = None
        if not objects.paused(store):
            try:
                keys = await self._keys(key, store, verdict)
            except Forbidden as error:
                failure = failure or error
        children = self._cache.children(key)
        rolled, wait = (course.rolled, course.wait) if course else (None, None)
        now = datetime.now(UTC)
        backed = self._backed(key, store, now)
        await self._tell(store, observe.status(store, verdict, children, self._usage(key), now, rolled, backed))
        if failure:
            raise failure
        again = verdict.again if isinstance(verdict, Refusal) else prerequisites.again(verdict)
        return min((seconds for seconds in (again, keys, wait) if seconds is not None), default=None)

    async def _bring_about(
        self, key: Key, store: Object, at_once: bool = False
    ) -> tuple[Resolved | Refusal, Course | None, Forbidden | None]:
        """Makes of a store what it comes to; what only the newest edition can be made of is made of that at once."""
        verdict, course = await self._accept(key, store, at_once)
        if course is None:
            return verdict, None, None
        stands, error = await self._made(key, store, course.wanted)
        failure = error if isinstance(error, Forbidden) else None
        if isinstance(stands, Resolved):
            return verdict, course, failure
        # What the API server denies it may deny of any edition: to find out restarts no pod that serves.
        if isinstance(verdict, Resolved) and not course.newest and not (error and serves(self._cache.children(key))):
            return await self._bring_about(key, store, at_once=True)
        return verdict if isinstance(verdict, Refusal) else stands, None, failure

    async def _made(self, key: Key, store: Object, wanted: Resolved) -> tuple[Resolved | Refusal, Exception | None]:
        """What came of making it, and what the API server said to it."""
        try:
            return await self._converge(key, store, wanted), None
        except Taken as error:
            return error.refusal, error
        except (Invalid, Forbidden) as error:
            return Refusal(type(error).__name__, str(error)), error

    async def _keys(self, key: Key, store: Object, verdict: Resolved | Refusal) -> float | None:
        """Looks after the keys of a store that is refused, too. Returns in how many seconds there may be more to do."""
        whose, now = holder_of(store), datetime.now(UTC)
        if whose is None:
            return None
        if isinstance(verdict, Refusal):
            digests = await self._keeper.keep_refused(whose, self._platform, now)
            if digests is None:
                return None
            await together(self._hands.apply(obj, self._cache.children(key)) for obj in digests)
        return self._keeper.again(whose, now)

    async def _accept(self, key: Key, store: Object, at_once: bool = False) -> tuple[Resolved | Refusal, Course | None]:
        """What a store comes to, or why it is refused; and what is to be made of it, unless it is to be left alone."""
        children, usage, now = self._cache.children(key), self._usage(key), datetime.now(UTC)
        around = Around(
            classes=await self._storage.classes(),
            driver=await self._storage.driver(children.get((CLAIM.name, names.claim(key.name, 0)))),
            used=usage.bytes if usage else None,
            now=now,
        )
        verdict = accept.store(store, self._cache.plans(), children, around)
        if objects.paused(store):
            return verdict, None
        if isinstance(verdict, Resolved):
            course = self._rolling.course(key, store, verdict, children, around, now, at_once)
            if isinstance(course, Course):
                if course.newest:
                    return course.wanted, course
                # Before the newest is tried it is known that it could be made.
                lacks = await prerequisites.lacks(self._cluster, self._platform, verdict, children)
                if lacks is None:
                    return course.wanted, course
                course = lacks
            verdict = course
        return verdict, self._rolling.refused(key, store, verdict, children, around, now)

    async def _converge(self, key: Key, store: Object, wanted: Resolved) -> Resolved | Refusal:
        """Makes the children what they should be, or tells what is in the way."""
        children = self._cache.children(key)
        if refusal := await prerequisites.lacks(self._cluster, self._platform, as_marked(wanted, children), children):
            return refusal
        if refusal := self._hosts.refused(wanted):
            return refusal
        now, given = datetime.now(UTC), await self._keeper.given(holder(wanted))
        if isinstance(given, Refusal):
            return given
        children = self._cache.children(key)
        expected = self._keeper.expected(wanted, given)
        phases = self._desired(wanted, {objects.key(expected): expected} | children, given, now)
        unseen = await self._hands.unseen(wanted, children)
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
            await together(self._hands.apply(obj, children) for obj in differing)
        children = self._cache.children(key)
        await together(
            self._hands.delete(obj) for obj in (*diff.to_prune(phases, children), *surplus(wanted, children))
        )
        kept = (obj for (kind, _), obj in children.items() if kind == "PersistentVolumeClaim")
        await together(self._hands.apply(patch, children) for obj in kept if (patch := claims.owner_patch(wanted, obj)))
        return wanted

    def _desired(
        self, wanted: Resolved, children: Children, given: Object | None, now: datetime
    ) -> tuple[tuple[Object, ...], ...]:
        seen = dict(children) | ({objects.key(given): given} if given else {})
        return render.desired(wanted, self._platform, seen, now)

    async def _undecided(self, key: Key, why: Refusal) -> None:
        store = self._cache.store(key)
        if store is not None:
            children, usage, now = self._cache.children(key), self._usage(key), datetime.now(UTC)
            backed = self._backed(key, store, now)
            await self._tell(store, observe.status(store, why, children, usage, now, None, backed))

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
