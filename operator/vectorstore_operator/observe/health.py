"""The conditions of a store, each a pure function of what was seen; `CONDITIONS` is the order they are told in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vectorstore_operator import names
from vectorstore_operator.conditions import Told, told
from vectorstore_operator.keys import keybook
from vectorstore_operator.keys.holder import asked_of
from vectorstore_operator.objects import Children, Object, paused
from vectorstore_operator.observe.backed import BACKUP_HEALTHY, NOTHING, RESTORED, Backed
from vectorstore_operator.observe.exposed import exposure_told
from vectorstore_operator.observe.pods import Rollout, trouble
from vectorstore_operator.observe.storage_health import volumes_told
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal

HIBERNATED = "Hibernated"
"""Why a store that was put to sleep is not ready: no trouble, and nothing to be alerted of."""


@dataclass(frozen=True)
class Seen:
    """All that the conditions of a store are made of."""

    store: Object
    verdict: Resolved | Refusal
    children: Children
    rollout: Rollout | None
    """Where the StatefulSet stands; None while there is none."""
    used: int | None
    """Documents held; None while no instance has told."""
    limit: int | None
    """Documents allowed."""
    update: Told | None = None
    """Whether there is a newer edition than the one it has; None while it has none."""
    backed: Backed = NOTHING
    """What is told of its backups and its restore."""

    @property
    def name(self) -> str:
        """The store's name."""
        return str(self.store["metadata"]["name"])

    @property
    def paused(self) -> bool:
        """Whether the children are left as they are."""
        return paused(self.store)

    @property
    def hibernated(self) -> bool:
        """Whether no pods are wanted, and not because the store is new."""
        return self.rollout is not None and self.rollout.wanted == 0

    def pods(self) -> list[Object]:
        """The pods there are."""
        return [child for (kind, _), child in self.children.items() if kind == "Pod"]

    def keys_waiting(self) -> str | None:
        """What is asked of the keys and not carried out yet."""
        live, asked = self.children.get(("Secret", names.credentials(self.name))), asked_of(self.store)
        return keybook.waiting(live, asked) if live and asked else None

    def claims(self) -> list[Object]:
        """The volume claims of the pods that are wanted, and the first one's, as far as they are there."""
        # The first one's volume stays while the store sleeps.
        ordinals = range(max(1, self.rollout.wanted) if self.rollout else 0)
        found = (self.children.get(("PersistentVolumeClaim", names.claim(self.name, i))) for i in ordinals)
        return [claim for claim in found if claim]


def accepted(seen: Seen) -> Told:
    """Whether the spec can be served."""
    if isinstance(seen.verdict, Refusal):
        return told("Accepted", None if seen.verdict.undecided else False, seen.verdict.reason, seen.verdict.message)
    plan = seen.verdict.plan.name
    return told("Accepted", True, "Accepted", f"plan {plan}, {seen.verdict.documents} documents, {seen.verdict.model}")


def progressing(seen: Seen) -> Told:
    """Whether the children are on their way to what the spec says."""
    if seen.paused:
        waits = seen.keys_waiting()
        keys = f", and {waits} waits" if waits else ""
        return told(
            "Progressing", False, "Paused", f"spec.paused: true, so the children stay as they are{keys}; remove it"
        )
    if isinstance(seen.verdict, Refusal) and seen.verdict.undecided:
        return told("Progressing", True, seen.verdict.reason, "tried again and again: see Accepted")
    if isinstance(seen.verdict, Refusal):
        return told("Progressing", False, "NotAccepted", "the children stay as they are until the spec is accepted")
    if seen.rollout is None:
        return told("Progressing", True, "Creating", "the StatefulSet is to be made")
    if seen.rollout.done and seen.hibernated:
        return told("Progressing", False, HIBERNATED, "the pods are gone, and what they held stays")
    if seen.rollout.done:
        return told("Progressing", False, "Settled", "everything is as the spec says")
    return told("Progressing", True, seen.rollout.stage, seen.rollout.progress)


def quota_exceeded(seen: Seen) -> Told:
    """Whether the store takes no more documents."""
    if seen.used is None or seen.limit is None:
        return told("QuotaExceeded", None, "NotCounted", "the instance has not told yet how many documents it holds")
    if seen.used < seen.limit:
        return told("QuotaExceeded", False, "WithinQuota", f"room for {seen.limit} documents")
    return told(
        "QuotaExceeded",
        True,
        "AtLimit",
        f"{seen.used} of {seen.limit} documents: no more are taken; delete some, raise spec.quota.documents or, "
        "at the plan's ceiling, choose a larger plan",
    )


def storage_healthy(seen: Seen) -> Told:
    """Whether the volumes are there, have what they should, and have room."""
    return volumes_told(seen.claims(), seen.verdict)


def backup_healthy(seen: Seen) -> Told | None:
    """Whether there is a good backup, and a new enough one; None where nobody wants any."""
    return seen.backed.of(BACKUP_HEALTHY)


def restored(seen: Seen) -> Told | None:
    """Whether it holds what it is to be restored from; None where it is made of nothing else."""
    return seen.backed.of(RESTORED)


def exposed(seen: Seen) -> Told | None:
    """Whether what exposes the store has taken it up; None where nothing does."""
    return exposure_told(seen.verdict, seen.children) if isinstance(seen.verdict, Resolved) else None


def update_available(seen: Seen) -> Told | None:
    """Whether the plan as it is, or another release, waits to be taken, and for what."""
    return seen.update


def ready(seen: Seen) -> Told:
    """Whether every pod that is wanted runs what is wanted and answers."""
    if seen.rollout is None:
        refused = isinstance(seen.verdict, Refusal)
        why = ("NotAccepted", "there are no pods: see Accepted") if refused else ("Creating", "there are no pods yet")
        return told("Ready", False, *why)
    if seen.hibernated:
        remedy = "volume, keys and Services stay; remove it to wake the store"
        return told("Ready", False, HIBERNATED, f"spec.hibernated: true, so no pods run; {remedy}")
    if seen.rollout.done:
        return told("Ready", True, "Serving", f"{seen.rollout.ready} of {seen.rollout.wanted} pods answer")
    if wrong := trouble(seen.pods()):
        return told("Ready", False, *wrong)
    return seen.backed.restoring or told("Ready", False, seen.rollout.stage, seen.rollout.progress)


CONDITIONS: tuple[Callable[[Seen], Told | None], ...] = (
    accepted,
    progressing,
    quota_exceeded,
    storage_healthy,
    backup_healthy,
    restored,
    exposed,
    update_available,
    ready,
)
"""Ready comes last: who sees it has all the others."""
