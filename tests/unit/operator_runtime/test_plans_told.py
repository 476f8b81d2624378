"""What is written of a plan that another release tells of, too."""

from __future__ import annotations

from typing import Any

from vectorstore_operator.cluster.cache import Cache
from vectorstore_operator.objects import Object
from vectorstore_operator.reconcile.plans import LEFT, Plans
from vectorstore_operator.rollout.pace import Pace


class Told:
    """A plan, and what its operator wrote of it."""

    def __init__(self) -> None:
        self.cache, self.version, self.written = Cache(), 0, 0
        self.change({"documents": 1000})
        self.plans = Plans(self.cache, Pace(self.cache, "instance:2", lambda _: None, lambda _: None), self.tell)

    def change(self, spec: Object, status: Object | None = None) -> None:
        self.version += 1
        meta = {"name": "gold", "generation": 1, "resourceVersion": str(self.version)}
        self.cache.put({"kind": "VectorStorePlan", "metadata": meta, "spec": spec, "status": status or {}})

    async def tell(self, plan: Object, status: Object) -> None:
        self.written += 1
        self.change(plan["spec"], status)

    def live(self) -> Any:
        return self.cache.plan("gold")

    async def look(self) -> float | None:
        return await self.plans.look("gold")


async def test_two_releases_that_count_other_stores_do_not_write_in_turns_for_ever() -> None:
    told = Told()
    assert await told.look() is None
    assert told.written == 1
    for _ in range(3):
        rolled = {
            **told.live()["status"]["conditions"][-1],
            "status": "False",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        others = {**told.live()["status"], "stores": 7, "conditions": [rolled]}
        told.change(told.live()["spec"], others)
        wait = await told.look()
        assert wait is not None
        assert 0 < wait <= LEFT.total_seconds()
    assert (told.written, told.live()["status"]["stores"]) == (1, 7)


async def test_what_changed_is_told_at_once_whoever_wrote_before() -> None:
    told = Told()
    await told.look()
    told.change({"documents": 1000, "memory": "4Gi"}, {**told.live()["status"], "stores": 7})
    assert await told.look() is None
    assert (told.written, told.live()["status"]["memory"]) == (2, "4Gi")
    told.change({"documents": 1000}, told.live()["status"])
    await told.look()
    assert told.written == 3, "and back"
