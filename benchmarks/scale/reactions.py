"""How soon the operator answers: from a changed spec to its first write, from a deleted child to the next one.

Seen from outside, by a watch: the request that changes or deletes, and the event's way here, are part
of it. One sample after another, each of another store.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from benchmarks.scale.site import Object, Site, Watched, name

from vectorstore_operator import names
from vectorstore_operator.cluster.errors import Conflict
from vectorstore_operator.cluster.kinds import KINDS
from vectorstore_operator.render.limits import FILE

WITHIN = 60.0
"""Seconds that any answer may take; then the run has failed."""
PAUSE = 0.1
"""Seconds between two samples."""
QUOTAS = itertools.cycle(range(1, 1000))
"""Within the plan, and never the one that a store has."""
CHILDREN: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("ConfigMap", names.limits),
    ("Service", names.headless),
    ("Secret", names.keys),
    *((kind, str) for kind in ("ServiceAccount", "Service", "NetworkPolicy", "StatefulSet", "PodDisruptionBudget")),
)
"""Children that are deleted in turn, and what they are called."""


@dataclass
class Samples:
    """Seconds, as they came."""

    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        low, high = self.quantile(0.5), self.quantile(0.99)
        return f"p50 {low * 1000:.0f} ms, p99 {high * 1000:.0f} ms, {len(self.seconds)} samples"

    def quantile(self, part: float) -> float:
        """The value that this part of the samples is not above."""
        return sorted(self.seconds)[math.ceil(part * len(self.seconds)) - 1]


class Changes:
    """Changes the quota of one store after another."""

    def __init__(self, site: Site, limits: Watched, stores: Sequence[int]) -> None:
        self._site, self._limits = site, limits
        self._turn = itertools.cycle(stores)
        self.samples = Samples()

    async def one(self) -> None:
        """One sample: until the limits file with the new quota is there."""
        store, quota = name(next(self._turn)), next(QUOTAS)

        def written(event: str, obj: Object) -> bool:
            return _named(obj, names.limits(store)) and json.loads(obj["data"][FILE])["max_documents"] == quota

        answer = self._limits.first(written)
        while True:
            live = await self._site.tenant.have("VectorStore", store)
            began = asyncio.get_running_loop().time()
            with suppress(Conflict):
                await self._site.cluster.patch(live, {"spec": {"quota": {"documents": quota}}})
                break
        async with asyncio.timeout(WITHIN):
            self.samples.seconds.append(await answer - began)
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def changing(site: Site, stores: Sequence[int]) -> AsyncIterator[Changes]:
    """What changes these stores, with the watch that it needs."""
    async with site.watched(KINDS["ConfigMap"]) as limits:
        yield Changes(site, limits, stores)


async def deletions(site: Site, stores: Sequence[int], count: int) -> Samples:
    """Deletes children of these stores, of another kind each time."""
    samples = Samples()
    async with AsyncExitStack() as stack:
        watched = {kind: await stack.enter_async_context(site.watched(KINDS[kind])) for kind in dict(CHILDREN)}
        for number, (kind, called) in zip(range(count), itertools.cycle(CHILDREN), strict=False):
            child = called(name(stores[number % len(stores)]))
            live = await site.tenant.have(kind, child)
            answer = watched[kind].first(_another(live))
            began = asyncio.get_running_loop().time()
            await site.cluster.delete(live)
            async with asyncio.timeout(WITHIN):
                samples.seconds.append(await answer - began)
            await asyncio.sleep(PAUSE)
    return samples


def _named(obj: Object, called: str) -> bool:
    return bool(obj["metadata"]["name"] == called)


def _another(gone: Object) -> Callable[[str, Object], bool]:
    meta = gone["metadata"]
    return lambda event, obj: _named(obj, meta["name"]) and obj["metadata"]["uid"] != meta["uid"]
