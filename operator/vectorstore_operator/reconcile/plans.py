"""The look at a plan: its sizes, how many stores have it, whose turn it is to take it as it is, and all that told.

Plans are of the cluster. Two releases that serve namespaces of their own count their own stores, and each would write
over the other's count for ever: what somebody else wrote over an unchanged status stays for a while.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from vectorstore_operator import observe
from vectorstore_operator.api.plan_rollout import PlanRollout
from vectorstore_operator.cluster.cache import Cache
from vectorstore_operator.conditions import told
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import accept, size_plan
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.rollout import marks, preview
from vectorstore_operator.rollout.pace import Pace, Round

ROLLED_OUT = "RolledOut"
LEFT = timedelta(minutes=10)
"""For how long a status that somebody else wrote over ours stays, while ours would be what it was."""


class Plans:
    """Looks at one plan after another."""

    def __init__(self, cache: Cache, pace: Pace, tell: Callable[[Object, Object], Awaitable[None]]) -> None:
        """
        Args:
            cache: where plans and stores are known.
            pace: lets stores go.
            tell: writes an object's status.
        """
        self._cache, self._pace, self._tell = cache, pace, tell
        self._told: dict[str, tuple[datetime, Object]] = {}

    async def look(self, name: str) -> float | None:
        """One look. Returns in how many seconds another is wanted, or None."""
        plan = self._cache.plan(name)
        if plan is None or "deletionTimestamp" in plan["metadata"]:
            self._pace.forget(name)
            self._told.pop(name, None)
            return None
        now, verdict, stores = datetime.now(UTC), accept.plan(plan), self._cache.having(name)
        if isinstance(verdict, Refusal):
            self._pace.forget(name)
            return await self._write(plan, observe.plan_status(plan, verdict, now, stores), now)
        counted = self._pace.count(plan, verdict, now)
        decision, until = counted.decision, counted.opening.until
        news = told(ROLLED_OUT, decision.state == "Done", decision.state, decision.message)
        status = observe.plan_status(plan, verdict, now, stores, self._summary(counted), [news])
        left = await self._write(plan, status, now)
        waits = any(one.stand == "waiting" for one in counted.members.values())
        opens = (until - now).total_seconds() if until and waits else None
        return min((seconds for seconds in (left, opens) if seconds is not None), default=None)

    async def _write(self, plan: Object, status: Object, now: datetime) -> float | None:
        """Tells a plan's status. Returns in how many seconds it is to be told, where that is left for a while."""
        name = plan["metadata"]["name"]
        if (plan.get("status") or {}) == status:
            return None
        at, before = self._told.get(name, (now, None))
        if before == timeless(status) and now < at + LEFT:
            return (at + LEFT - now).total_seconds()
        await self._tell(plan, status)
        self._told[name] = now, timeless(status)
        return None

    def _summary(self, counted: Round) -> PlanRollout:
        members = counted.members.values()
        opens = None if counted.opening.open else counted.opening.until
        return preview.summary(members, counted.aim, counted.decision, self._changes(counted), opens)

    def _changes(self, counted: Round) -> list[str]:
        """What differs for a store that has what most of those have that do not have the newest."""
        one = preview.usual(counted.members.values(), counted.aim)
        store = self._cache.store(one.key) if one else None
        has = marks.read(store, self._cache.children(one.key)) if one and store else None
        before = size_plan(has.edition.plan, has.edition.spec) if has else None
        return [] if before is None or isinstance(before, Refusal) else preview.changes(before, counted.plan)


def timeless(status: Object) -> Object:
    """A status without the times of its conditions, which are new whenever another one was there between."""
    conditions = [{**one, "lastTransitionTime": ""} for one in status.get("conditions") or ()]
    return {**status, "conditions": conditions}
