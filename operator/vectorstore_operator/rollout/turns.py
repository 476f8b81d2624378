"""Whose turn it is: which stores of a plan move to its newest edition now, and why the others do not. Pure.

A rollout is this question, asked again whenever a store stands elsewhere: nothing of it is kept but whom it let go,
until that is to be seen of the store. Canaries go before all others, stores that serve before those that do
not, and else they go by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vectorstore_operator import times
from vectorstore_operator.api.plan_rollout import Rollout, State
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.rollout.members import Member, Stand
from vectorstore_operator.rollout.window import Opening

NAMED = 5
"""Stores that a message names."""


@dataclass(frozen=True)
class Held:
    """Why a store does not move yet: reason and message of its condition `UpdateAvailable`."""

    reason: str
    """Waiting, WaitsForCanaries, WaitsForWindow, RolloutPaused or RolloutStopped."""
    message: str


@dataclass(frozen=True)
class Policy:
    """What a plan says of its rollout, at one moment."""

    plan: str
    """The plan's name."""
    rollout: Rollout
    opening: Opening


@dataclass(frozen=True)
class Decision:
    """Who may go."""

    state: State
    message: str
    """Of the plan's condition."""
    others: Held
    """What keeps stores that wait and may not go."""
    canaries: Held
    """What keeps canaries among them."""
    go: frozenset[Key] = frozenset()
    """Stores that may move now."""

    def held(self, store: Member) -> Held | None:
        """What keeps a store from moving; None when it may."""
        return None if store.key in self.go else self.canaries if store.canary else self.others


def decide(members: Iterable[Member], policy: Policy, granted: frozenset[Key] = frozenset()) -> Decision:
    """Who may go now.

    Args:
        members: the plan's stores.
        policy: what the plan says.
        granted: stores that were let go for the same edition; those that have not begun still may.
    """
    stores = sorted(members, key=lambda m: (not m.canary, not m.ready, m.key))
    if barred := _barred(stores, policy):
        state, held = barred
        return Decision(state, held.message, held, held)
    waiting, moving = _those(stores, "waiting"), _those(stores, "moving")
    going = granted & {m.key for m in waiting}
    first = [m for m in stores if m.canary and m.stand in ("unseen", "waiting", "moving")]
    line = [m.key for m in waiting if m.key not in going and (m.canary or not first)]
    go = going.union(line[: max(0, policy.rollout.max_concurrent - len(moving) - len(going))])
    plan, most = f"plan {policy.plan}", policy.rollout.max_concurrent
    paced = Held("Waiting", f"{plan}: others go first, spec.rollout.maxConcurrent: {most} at a time")
    # The same one is named whichever of them serve at the moment, so that the message holds for long.
    last = max((m.name for m in first), default=None)
    others = Held("WaitsForCanaries", f"{plan}: spec.rollout.canary: {last} goes first") if last else paced
    state, message = _progress(stores, go)
    return Decision(state, message, others, paced, go)


def _barred(stores: list[Member], policy: Policy) -> tuple[State, Held] | None:
    """Why nobody may go."""
    plan, rollout = f"plan {policy.plan}", policy.rollout
    failed, waiting = _those(stores, "failed"), _those(stores, "waiting")
    stopped = len(failed) >= rollout.max_failures
    if stopped or (failed and not _those(stores, "unseen", "waiting", "moving")):
        most = f", so no other store moves (spec.rollout.maxFailures: {rollout.max_failures})" if stopped else ""
        what = f"{len(failed)} of {len(stores)} stores went back to what they had{most}: {_names(failed)}"
        remedy = "see their UpdateAvailable and mend the plan: any change of what its stores get begins anew"
        return "Stopped", Held("RolloutStopped", f"{plan}: {what}; {remedy}")
    if waiting and rollout.paused:
        remedy = "what would happen is in the plan's status; remove it to go on"
        return "Paused", Held("RolloutPaused", f"{plan}: spec.rollout.paused: true, so no store moves; {remedy}")
    if waiting and not policy.opening.open and policy.opening.until:
        opens = times.time(policy.opening.until)
        return "OutsideWindow", Held("WaitsForWindow", f"{plan}: spec.maintenance: the next window opens at {opens}")
    return None


def _progress(stores: list[Member], go: frozenset[Key]) -> tuple[State, str]:
    """How far it is, where nothing is in its way."""
    if going := [m for m in stores if m.stand == "moving" or m.key in go]:
        waiting = len(_those(stores, "waiting")) - len(go)
        return "Progressing", f"{len(going)} of {len(stores)} stores move, {waiting} wait: {_names(going)}"
    if unseen := _those(stores, "unseen"):
        return "Waiting", f"{len(unseen)} of {len(stores)} stores are still to be looked at: {_names(unseen)}"
    left = (
        (_those(stores, "ailing"), "went back to what they had, and did not serve before either"),
        (_those(stores, "refused"), "are refused"),
        (_those(stores, "held"), "are paused, hibernated or being restored"),
    )
    but = [f"{len(those)} {word}: {_names(those)}" for those, word in left if those]
    done = f"{len(_those(stores, 'updated'))} of {len(stores)} stores have the plan as it is"
    return "Done", "; ".join([done, *but])


def _those(stores: Iterable[Member], *stands: Stand) -> list[Member]:
    return [m for m in stores if m.stand in stands]


def _names(stores: list[Member]) -> str:
    more = f" and {len(stores) - NAMED} more" if len(stores) > NAMED else ""
    return ", ".join(m.name for m in stores[:NAMED]) + more
