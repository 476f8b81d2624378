"""The look at one backup: what `phase` decides is told, and then done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.backups import places
from vectorstore_operator.backups.jobs.job import Purpose
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.making import phase
from vectorstore_operator.backups.making.order import order, verifies
from vectorstore_operator.backups.making.phase import COMPLETE, VERIFIED, Making, Step, Try
from vectorstore_operator.backups.making.turns import Turns
from vectorstore_operator.backups.making.writing import write
from vectorstore_operator.backups.places import Place
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.errors import ClusterError, Forbidden, Invalid
from vectorstore_operator.conditions import told
from vectorstore_operator.refusal import Refusal

QUEUED = Refusal("Queued", "as many backups as may be at a time are being made; this one's turn comes", undecided=True)
FORMER = Refusal("FormerGoes", "the archive of a former backup of this name is being deleted", undecided=True)
DENIED = 30.0
"""Seconds until it is tried again to start a Job that the API server would not have."""


class Backups:
    """The backups of all stores."""

    def __init__(self, tools: Tools, turns: Turns, former: Callable[[Key], bool]) -> None:
        """
        Args:
            tools: what is worked with.
            turns: whose Jobs run.
            former: whether the archive of a former backup of a name is still to go.
        """
        self._tools, self._turns, self._former = tools, turns, former

    async def look(self, key: Key) -> float | None:
        """One look. Returns in how many seconds another is wanted, or None.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
        """
        backup = self._tools.shelf.get(key)
        if backup is None:
            return None
        step = self._decided(backup)
        if not (step.begins or step.start):
            self._settle(backup)
        if step.discard:
            await self._tools.jobs.discard(self._purpose(backup, *step.discard))
        try:
            if step.begins:
                return await self._begin(backup, step)
            if step.start:
                return await self._start(backup, step, *step.start)
        except ClusterError:
            self._settle(backup)  # it comes back later, and holds up nobody until then
            raise
        await self._tell(backup, step)
        return step.again

    def _decided(self, backup: Backup) -> Step:
        cache, shelf = self._tools.cache, self._tools.shelf
        store = cache.store(backup.of)
        obstacle = None
        if backup.phase in (None, "Pending"):
            obstacle = phase.standing(store, cache.children(backup.of), backup)
            obstacle = obstacle or phase.behind(backup, shelf.of(*backup.of)) or self._behind_former(backup.key)
        plan = cache.plan(backup.plan or cache.has(backup.of) or "")
        verify = verifies(backup, store, plan)
        made = self._last(backup, "backup", backup.attempts)
        return phase.decide(backup, obstacle, made, self._last(backup, "verify", 1), verify, datetime.now(UTC))

    def _behind_former(self, key: Key) -> Refusal | None:
        return FORMER if self._former(key) else None

    def _last(self, backup: Backup, verb: Making, told_: int) -> Try:
        first = self._purpose(backup, verb, max(1, told_))
        last = self._tools.jobs.last(first) if verb == "verify" else None
        purpose = last or first
        return Try(purpose.attempt, self._tools.jobs.state(purpose))

    def _purpose(self, backup: Backup, verb: Making, attempt: int) -> Purpose:
        return Purpose(backup.item, backup.uid, verb, attempt)

    def _settle(self, backup: Backup) -> None:
        """It needs no place where a Job may run, if none of its own does."""
        if backup.uid not in self._tools.jobs.active():
            self._turns.leave(backup.uid)
        self._turns.wake()

    async def _begin(self, backup: Backup, step: Step) -> float | None:
        """Tells that it is begun, where it can be; its Job is started in the look that finds it told."""
        place = self._place(backup)
        found = place
        if not isinstance(place, Refusal):
            if not self._turns.take(backup):  # who waits asks for no keys: it looks again at every move of the line
                await self._tell(backup, phase.pending(QUEUED))
                return None
            store = self._tools.cache.store(backup.of)
            uid = store["metadata"]["uid"] if store else ""
            ordered = await order(self._tools, backup, place, uid, self._purpose(backup, "backup", 1))
            found = ordered if isinstance(ordered, Refusal) else place
        if isinstance(found, Refusal):
            self._settle(backup)
            await self._tell(backup, phase.failed(found.reason, found.message, datetime.now(UTC)))
            return None
        where: dict[str, Any] = {"storeUid": uid, "plan": found.plan, "destination": places.shown(found)[:1024]}
        if found.own:
            where["own"] = found.own.model_dump(mode="json", by_alias=True, exclude_none=True)
        status = {name: value for name, value in where.items() if value is not None} | dict(step.status)
        await write(self._tools, backup, status, step.told)
        return None

    def _place(self, backup: Backup) -> Place | Refusal:
        """Where a new backup is to be."""
        store, plan = self._tools.cache.store(backup.of), self._tools.cache.has(backup.of) or ""
        stated = self._tools.cache.plan(plan)
        if store is None or stated is None:
            return Refusal("NotAccepted", f"VectorStore {backup.store} has no plan; see its condition Accepted")
        try:
            spec, plan_spec = StoreSpec.model_validate(store["spec"]), PlanSpec.model_validate(stated["spec"])
        except ValidationError:
            return Refusal("NotAccepted", f"VectorStore {backup.store} or its plan cannot be: see condition Accepted")
        return places.place_for(spec, plan, plan_spec)

    async def _start(self, backup: Backup, step: Step, verb: Making, attempt: int) -> float | None:
        """Has a Job run that was told of."""
        if not self._turns.take(backup):
            return None  # woken when it is its turn
        now, of = datetime.now(UTC), COMPLETE if verb == "backup" else VERIFIED
        place = places.place_of(backup, self._tools.cache.plan)
        purpose = self._purpose(backup, verb, attempt)
        wanted = (
            place
            if isinstance(place, Refusal)
            else await order(self._tools, backup, place, backup.store_uid or "", purpose)
        )
        if isinstance(wanted, Refusal):
            self._settle(backup)
            await self._tell(backup, phase.failed(wanted.reason, wanted.message, now, of))
            return None
        try:
            await self._tools.jobs.start(wanted)
        except (Forbidden, Invalid) as error:
            self._settle(backup)
            if backup.started and now - backup.started > phase.STARTS:
                await self._tell(backup, phase.failed("JobRefused", str(error), now, of))
                return None
            await self._tell(backup, Step(told=(told(of, None, "JobRefused", f"{error}; it is tried again"),)))
            return DENIED
        if step.told:
            await self._tell(backup, step)
        return None

    async def _tell(self, backup: Backup, step: Step) -> None:
        if (not step.status and not step.told) or _stands(backup, step):
            return
        after = await write(self._tools, backup, step.status, step.told)
        if after and after.phase == "Failed":
            self._tools.failed(backup.of, after.complete_reason if after.complete is False else after.verified_reason)


def _stands(backup: Backup, step: Step) -> bool:
    """Whether the status says so already, but for the words: it is not asked for each time."""
    if step.status.get("phase", backup.phase) != backup.phase or step.status.keys() - {"phase"}:
        return False
    said = {COMPLETE: (backup.complete, backup.complete_reason), VERIFIED: (backup.verified, backup.verified_reason)}
    return all(one.status == "Unknown" and said[one.type] == (None, one.reason) for one in step.told)
