"""The paces of all plans, kept by the operator that leads: which stores were let go, and what the others were told.

It is counted anew from what the stores say, whenever one of them stands elsewhere; what is in memory alone is whom
it let go a moment ago. An operator that begins to lead knows from marks and status who moves, and lets go as many
as there is room for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Plan
from vectorstore_operator.rollout.edition import Edition
from vectorstore_operator.rollout.members import Aim, Member, member
from vectorstore_operator.rollout.turns import Decision, Held, Policy, decide
from vectorstore_operator.rollout.window import Opening, opening

COUNTING = Held("Waiting", "the stores of the plan are being counted")


@dataclass(frozen=True)
class Round:
    """A plan and its stores as they were counted last."""

    plan: Plan
    generation: int
    aim: Aim
    members: dict[Key, Member]
    opening: Opening
    decision: Decision


class Pace:
    """Whose turn it is, in every plan."""

    def __init__(self, cache: Cache, image: str, again: Callable[[Key], None], recount: Callable[[Key], None]) -> None:
        """
        Args:
            cache: where plans, stores and their children are known.
            image: the operator's release of the instance.
            again: told of every store that would get another answer than it did.
            recount: told of every plan of which a store stands elsewhere than it did.
        """
        self._cache, self._image, self._again, self._recount = cache, image, again, recount
        self._rounds: dict[str, Round] = {}
        self._answers: dict[Key, Held] = {}

    def count(self, live: Object, plan: Plan, now: datetime) -> Round:
        """Counts the stores of a plan, and lets go whose turn it is.

        Args:
            live: the plan as it is.
            plan: the same with its sizes.
            now: the time.
        """
        aim, before = self._aim(plan), self._rounds.get(plan.name)
        members = {
            key: self._member(key, store, plan, aim)
            for key, store in self._cache.stores().items()
            if self._cache.has(key) == plan.name
        }
        granted = before.decision.go if before and before.aim == aim else frozenset()
        when = opening(plan.spec.maintenance, now)
        decision = decide(members.values(), Policy(plan.name, plan.spec.rollout, when), granted)
        found = Round(plan, live["metadata"].get("generation", 0), aim, members, when, decision)
        self._rounds[plan.name] = found
        for key, one in members.items():
            if one.stand == "waiting" and self._answers.get(key, decision.held(one)) != decision.held(one):
                self._again(key)
        return found

    def forget(self, plan: str) -> None:
        """Lets nobody go who has a plan that is gone, or that cannot be served."""
        self._rounds.pop(plan, None)

    def held(self, store: Key) -> Held | None:
        """What keeps a store from moving to the newest edition of its plan; None when it may, now.

        Asked in the look that would begin the move, and again in every look until it is begun; not again while
        a checkpoint is taken before it. A store that is held back is looked at again when that changes.
        """
        answer = self._answer(store)
        if answer is None:
            self._answers.pop(store, None)
        else:
            self._answers[store] = answer
        return answer

    def looked(self, store: Key) -> None:
        """A look at a store is over: where it stands elsewhere than before, its plan is counted anew."""
        live = self._cache.store(store)
        if live is None:
            self._answers.pop(store, None)
        for name, last in self._rounds.items():
            has = live is not None and self._cache.has(store) == name
            now = self._member(store, live, last.plan, last.aim) if live and has else None
            if now != last.members.get(store):
                self._recount(Key("", name))

    def _answer(self, store: Key) -> Held | None:
        plan = self._cache.has(store)
        last, live = self._rounds.get(plan or ""), self._cache.plan(plan or "")
        if last is None or live is None or live["metadata"].get("generation", 0) != last.generation:
            return COUNTING
        one = last.members.get(store)
        return last.decision.held(one) if one and one.stand in ("waiting", "unseen") else COUNTING

    def _aim(self, plan: Plan) -> Aim:
        newest = Edition(plan.name, plan.spec, self._image)
        return Aim(newest.plan_digest, newest.digest if plan.spec.rollout.versions == "Automatic" else None)

    def _member(self, key: Key, store: Object, plan: Plan, aim: Aim) -> Member:
        return member(store, self._cache.children(key), aim, plan.spec.rollout)
