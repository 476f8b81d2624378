"""What a look does to a store's children: it applies them, takes over what others stated of them, and deletes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from vectorstore_operator import diff, names, objects, ownership
from vectorstore_operator.api.store import MOST_REPLICAS
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache
from vectorstore_operator.cluster.errors import ClusterError, Conflict, Invalid
from vectorstore_operator.cluster.kinds import KINDS, STATEFUL_SET
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

T = TypeVar("T")

FRONT = (KINDS["Service"], STATEFUL_SET)
"""Kinds of what bears the store's own name and serves under it."""


class Taken(Exception):
    """A child cannot be made, as somebody else's object has its name: the refusal says whose."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Hands:
    """Writes children."""

    def __init__(self, cluster: Cluster, cache: Cache, metrics: Metrics) -> None:
        self._cluster, self._cache, self._metrics = cluster, cache, metrics

    async def unseen(self, wanted: Resolved, children: Children) -> dict[tuple[str, str], Object]:
        """Live objects that have the store's own name: somebody else's, or strayed from the watches.

        Only those that an application of that name has most likely, so that nothing is begun beside it: any other
        name that is taken is found when it is to be had.
        """
        missing = [kind for kind in FRONT if (kind.name, wanted.name) not in children]
        live = await together(self._cluster.get(kind, wanted.namespace, wanted.name) for kind in missing)
        return {objects.key(found): found for found in live if found}

    async def apply(self, obj: Object, children: Children) -> None:
        """Makes an object what is stated of it, whatever others stated of that.

        Raises:
            Taken: somebody else's has its name.
            ClusterError: it cannot be written; names it.
        """
        try:
            await self._apply(obj, children)
        except ClusterError as error:
            error.child = " ".join(objects.key(obj))
            raise

    async def _apply(self, obj: Object, children: Children) -> None:
        live = children.get(objects.key(obj)) or await self._made(obj)
        if live is None:
            return
        try:
            made = await self._cluster.apply(_instead_of(live, obj))
            taken = await self._taken_over(made)
        except Invalid:
            # What somebody added to a list may not go with what we state of it.
            now = await self._cluster.get(KINDS[obj["kind"]], obj["metadata"]["namespace"], obj["metadata"]["name"])
            if now is None or (taken := await self._taken_over(now)) is None:
                raise
        if taken is not None:
            made = await self._cluster.apply(_instead_of(taken, obj))
        self._cache.put(made)

    async def _made(self, obj: Object) -> Object | None:
        """Makes an object that is not there; if it is, and only strayed from the watches, returns it as it is."""
        try:
            self._cache.put(await self._cluster.make(obj))
        except Conflict:
            found = await self._cluster.get(KINDS[obj["kind"]], obj["metadata"]["namespace"], obj["metadata"]["name"])
            if found is None:
                raise  # it went meanwhile
            if refusal := diff.conflicts([obj], {objects.key(obj): found}):
                raise Taken(refusal) from None
            return found
        return None

    async def _taken_over(self, live: Object) -> Object | None:
        """Makes all fields of a child ours, so that the next apply removes what is not stated; None if all were."""
        fields = ownership.taken_over(live)
        return None if fields is None else await self._cluster.patch(live, {"metadata": {"managedFields": fields}})

    async def delete(self, obj: Object) -> None:
        """Takes away what is not wanted any more."""
        log.info("prune %s %s/%s", obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
        await self._cluster.delete(obj)
        self._metrics.prunes.labels(obj["kind"]).inc()


def _instead_of(live: Object, obj: Object) -> Object:
    """What to apply where an object was seen: one that was replaced or changed since is a conflict, not overwritten.

    What is stated was made of what was seen. An operator that took over may see late what its predecessor did, and
    would give keys back that are void, and pods what they had before.
    """
    seen = {field: live["metadata"][field] for field in ("uid", "resourceVersion")}
    return {**obj, "metadata": obj["metadata"] | seen}


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
