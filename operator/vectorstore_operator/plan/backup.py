"""Where a store's backups go: to its own bucket if its plan lets it, else to the plan's place. Pure.

It goes by the plan as it is, whatever edition of it the store was made from, and what stands in its way makes no
store unacceptable: it is told where backups are.
"""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_operator.api.backup import PlanBackup
from vectorstore_operator.api.destination import Destination, OwnDestination
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import BACKUP_RULE, StoreSpec
from vectorstore_operator.api.urls import allowed, hidden
from vectorstore_operator.plan.remote import remote_of
from vectorstore_operator.refusal import Refusal

AMAZON = "https://s3.amazonaws.com"
"""What a plan's `endpoints` call a bucket without an endpoint, of whichever region."""


@dataclass(frozen=True)
class Place:
    """Where backups are."""

    plan: str
    """The plan whose place it is, or that allows the store's own."""
    destination: Destination | OwnDestination

    @property
    def own(self) -> OwnDestination | None:
        """The store's own; None where it is the plan's."""
        return self.destination if isinstance(self.destination, OwnDestination) else None

    @property
    def claim(self) -> str | None:
        """The volume claim of the operator's namespace; None where it is a bucket."""
        stated = self.destination.claim if isinstance(self.destination, Destination) else None
        return stated.name if stated else None

    @property
    def encrypt(self) -> bool:
        """Whether archives are encrypted before they leave."""
        return bool(self.destination.encrypt)


def place_for(spec: StoreSpec, plan: str, plan_spec: PlanSpec) -> Place | Refusal:
    """Where a store's next backup goes, or why none can be made.

    Args:
        spec: the store's.
        plan: the name of its plan.
        plan_spec: the plan as it is.
    """
    if remote_of(spec):
        return Refusal("EngineElsewhere", f"spec.engine.remote: {BACKUP_RULE.message}")
    return place_by(spec.backup.destination if spec.backup else None, plan, plan_spec.backup)


def place_by(own: OwnDestination | None, plan: str, given: PlanBackup | None) -> Place | Refusal:
    """Likewise, by what store and plan say of it."""
    if own is not None:
        return _allowed(own, plan, given, "spec.backup.destination")
    if given is None or given.destination is None:
        return Refusal(
            "NoDestination",
            f"plan {plan}: backup.destination: left out, and the store has no spec.backup.destination; give the plan "
            "one, or the store where the plan's backup.endpoints allow it",
        )
    return Place(plan, given.destination)


def own_place(own: OwnDestination, plan: str, plan_spec: PlanSpec) -> Place | Refusal:
    """The bucket that a store is restored from by `restoreFrom.object` or `restore.object`, or why not.

    Args:
        own: the bucket.
        plan: the name of the store's plan.
        plan_spec: the plan as it is.
    """
    return _allowed(own, plan, plan_spec.backup, "object.destination")


def _allowed(own: OwnDestination, plan: str, given: PlanBackup | None, field: str) -> Place | Refusal:
    url = own.s3.endpoint or AMAZON
    endpoints = (given.endpoints if given else None) or []
    named = [prefix for prefix in endpoints if prefix != "*"]
    if allowed(url, named if hidden(url) else endpoints):
        return Place(plan, own)
    listed = ", ".join(endpoints) or "none"
    why = f", and {url} is no public address, which * does not cover" if "*" in endpoints else ""
    what = url if own.s3.endpoint else f"left out, which is Amazon's {AMAZON}, and that"
    return Refusal(
        "EndpointNotAllowed",
        f"{field}.s3.endpoint: {what} is not among the backup.endpoints of plan {plan}, which are {listed}{why}; "
        "choose one of them, or have the plan's backup.endpoints extended",
    )
