"""What must hold of a store before anything of it is made: one question each, asked in the order of `CHECKS`. Pure."""

from __future__ import annotations

from collections.abc import Callable

from vectorstore_operator.plan import exposure, limits, permits, sizing
from vectorstore_operator.plan.resolved import Resolved
from vectorstore_operator.quantity import from_bytes
from vectorstore_operator.refusal import Refusal


def refused(resolved: Resolved) -> Refusal | None:
    """What the first check that objects says."""
    return next((refusal for check in CHECKS if (refusal := check(resolved))), None)


def quota_within_plan(r: Resolved) -> Refusal | None:
    """A quota above the plan's ceiling cannot be kept: memory and disk follow from the ceiling."""
    if r.documents <= r.plan.spec.documents:
        return None
    return Refusal(
        "QuotaAbovePlan",
        f"spec.quota.documents: {r.documents} is above the {r.plan.spec.documents} of plan {r.plan.name}; "
        "lower the quota or choose a larger plan",
    )


def dimension_within_plan(r: Resolved) -> Refusal | None:
    """Longer vectors than the plan reckons with would not fit its memory."""
    if 1 <= r.dimension <= r.plan.spec.dimension:
        return None
    return Refusal(
        "DimensionAbovePlan",
        f"spec.dimension: {r.dimension} is not within 1 and the {r.plan.spec.dimension} of plan {r.plan.name}",
    )


def volume_begins(r: Resolved) -> Refusal | None:
    """The volume must hold a document from the beginning: one that is full at once never comes to grow."""
    need = sizing.disk_bytes(1, r.dimension)
    if r.growth.size >= need or r.remote:
        return None
    return Refusal(
        "StorageTooSmall",
        f"storage.size: {from_bytes(r.growth.size)} hold no document beside what maintenance needs; "
        f"give a new store at least {from_bytes(need)}",
    )


def quota_fits_volume(r: Resolved) -> Refusal | None:
    """The volume must hold the quota, whichever way its size came about."""
    need, room = sizing.disk_bytes(r.documents, r.dimension), r.growth.room
    if room >= need or r.remote:
        return None
    return Refusal(
        "StorageTooSmall",
        f"spec.quota.documents: {r.documents} need a volume of {from_bytes(need)}, and the store's has "
        f"{from_bytes(room)}; lower the quota to {sizing.most_documents(room, r.dimension)} or raise spec.storage.size",
    )


def limits_within_plan(r: Resolved) -> Refusal | None:
    """Bytes and requests are bounded like documents."""
    return limits.quota_refused(r.plan.name, r.plan.spec.limits, r.spec.quota, r.growth.room)


def issuer_in_plan(r: Resolved) -> Refusal | None:
    """A store reaches no issuer that its plan does not list."""
    return permits.issuer_refused(r.plan.name, r.plan.spec, r.spec)


def exposed_within_plan(r: Resolved) -> Refusal | None:
    """A store has a name in its plan's domain, and pods that speak as its plan expects."""
    host = exposure.hostname(r.name, r.namespace, r.spec, r.plan.spec)
    refusal = exposure.refused(host, r.spec, r.plan.name, r.plan.spec)
    return refusal or exposure.certificate_refused(r.name, r.spec, r.plan.name, r.plan.spec)


CHECKS: tuple[Callable[[Resolved], Refusal | None], ...] = (
    exposed_within_plan,
    quota_within_plan,
    dimension_within_plan,
    volume_begins,
    quota_fits_volume,
    limits_within_plan,
    issuer_in_plan,
)
"""In the order it is told."""
