"""The stores of a plan, as its rollout sees them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vectorstore_operator.api.plan_rollout import Rollout
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.conditions import condition, restoring
from vectorstore_operator.objects import Children, Object, paused
from vectorstore_operator.rollout.marks import MOVE

Stand = Literal["unseen", "updated", "waiting", "moving", "failed", "ailing", "refused", "held"]
"""Where a store stands with the newest edition: nobody has looked yet whether it restarts pods; it has it; it
waits for its turn; its pods are being replaced; it was tried and left again; likewise, by a store that did not serve
before either; it cannot serve the store; its owner has the operator leave it alone, or it is being restored."""


@dataclass(frozen=True)
class Aim:
    """The newest edition, as stores tell of it."""

    plan: str
    """Digest of the plan."""
    edition: str | None = None
    """Digest of plan and image, where all stores that ask for no version are to have the same one."""


@dataclass(frozen=True)
class Member:
    """One store of a plan."""

    key: Key
    stand: Stand
    canary: bool
    ready: bool
    """Whether it serves: what the pods of one that does not would prove of an edition is nothing."""
    pods: int
    """Pods it has."""
    edition: str | None
    """Digest of the plan that it has."""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.key.namespace}/{self.key.name}"


def member(store: Object, children: Children, aim: Aim, rollout: Rollout) -> Member:
    """A store as a member of its plan.

    Args:
        store: the VectorStore.
        children: what it consists of.
        aim: the newest edition.
        rollout: the plan's policy.
    """
    meta, told = store["metadata"], (store.get("status") or {}).get("rollout") or {}
    live = children.get(("StatefulSet", meta["name"]), {"metadata": {}, "spec": {}})
    marked = MOVE in (live["metadata"].get("annotations") or {})
    chosen = rollout.canary.match_labels if rollout.canary else None
    return Member(
        key=Key(meta["namespace"], meta["name"]),
        stand="moving" if _moves(store, marked) else _stand(store, aim, marked),
        canary=chosen is not None and chosen.items() <= (meta.get("labels") or {}).items(),
        ready=condition(store, "Ready").get("status") == "True",
        pods=live["spec"].get("replicas", 0),
        edition=told.get("planEdition"),
    )


def _moves(store: Object, marked: bool) -> bool:
    """Whether a store takes a place among those that move."""
    if ((store.get("status") or {}).get("rollout") or {}).get("moving"):
        return True
    refused = condition(store, "Accepted").get("status") == "False"
    if (store.get("spec") or {}).get("hibernated") or paused(store) or refused:
        return False  # it goes on when it wakes, or when its owner lets it: that may be never
    # The mark is there a moment before the status tells of it, and lets a new leader know what the last one began.
    return marked


def _stand(store: Object, aim: Aim, marked: bool) -> Stand:
    spec, told = store.get("spec") or {}, (store.get("status") or {}).get("rollout") or {}
    if condition(store, "Accepted").get("status") == "False":
        return "refused"
    own = "version" in spec
    seen = told.get("newestPlan") == aim.plan and (own or aim.edition in (None, told.get("newest")))
    unproven = marked and paused(store)
    if seen and told.get("edition") == told.get("newest") and not unproven:
        return "updated"
    if paused(store) or spec.get("hibernated") or restoring(store):
        return "held"
    if not seen:
        return "unseen"
    if told.get("failed"):
        return "ailing" if told.get("ailing") else "failed"
    return "waiting"
