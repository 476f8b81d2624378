"""What a tenant may do, from plan and quota; and whether a quota stays within its plan. Pure.

Only what is stated is rendered: an instance of an earlier release knows no newer bounds, and one that
is left out is the instance's own default.
"""

from __future__ import annotations

from typing import Any

from vectorstore_operator.api.backup import PlanBackup
from vectorstore_operator.api.limits import PlanLimits
from vectorstore_operator.api.store import Quota
from vectorstore_operator.quantity import from_bytes, to_bytes
from vectorstore_operator.refusal import Refusal

BODIES = 8
"""A body may have this part of a pod's memory: four may be here at once, and half of it is for the data."""

_FIELDS = {
    "collections": "max_collections",
    "batch_rows": "max_batch_rows",
    "results": "max_n_results",
    "where_operators": "max_where_operators",
    "where_document": "where_document",
    "requests_per_second": "requests_per_second",
    "burst": "burst",
    "concurrent": "max_concurrent",
}
_BYTES = {"bytes": "max_bytes", "body_bytes": "max_body_bytes"}


def stated(plan: PlanLimits | None, quota: Quota | None, backup: PlanBackup | None) -> dict[str, Any]:
    """Fields of `Limits` that plan and quota state, beside documents and dimension."""
    given = {field: getattr(plan, field, None) for field in (*_FIELDS, *_BYTES)}
    for field in ("bytes", "requests_per_second"):
        if quota and getattr(quota, field) is not None:
            given[field] = getattr(quota, field)
    numbers = {_FIELDS[field]: value for field, value in given.items() if field in _FIELDS and value is not None}
    if backup and backup.by_tenants:
        numbers["backups"] = True
    return numbers | {_BYTES[field]: to_bytes(size) for field in _BYTES if (size := given[field]) is not None}


def plan_refused(name: str, limits: PlanLimits | None, memory: int) -> Refusal | None:
    """Why a plan's limits cannot be kept.

    Args:
        name: the plan's.
        limits: what it states.
        memory: bytes of one pod.
    """
    if limits and limits.body_bytes and to_bytes(limits.body_bytes) > memory // BODIES:
        return Refusal(
            "PlanTooSmall",
            f"plan {name}: limits.bodyBytes {limits.body_bytes} is above an eighth of a pod's memory of "
            f"{from_bytes(memory)}; lower it to {from_bytes(memory // BODIES)}, leave it out, or raise memory",
        )
    return None


def quota_refused(name: str, plan: PlanLimits | None, quota: Quota | None, volume: int) -> Refusal | None:
    """Why a store's quota of bytes or requests cannot be kept.

    Args:
        name: the plan's.
        plan: what it states.
        quota: what the store asks for.
        volume: bytes of the store's volume.
    """
    if quota is None:
        return None
    if quota.bytes is not None:
        asked, most = to_bytes(quota.bytes), plan.bytes if plan else None
        if most is not None and asked > to_bytes(most):
            return _above("bytes", quota.bytes, most, name)
        if asked > volume:
            return Refusal(
                "StorageTooSmall",
                f"spec.quota.bytes: {quota.bytes} are more than the store's volume of {from_bytes(volume)} has; "
                "lower the quota or leave it out",
            )
    rate, fastest = quota.requests_per_second, plan.requests_per_second if plan else None
    if rate is not None and fastest is not None and rate > fastest:
        return _above("requestsPerSecond", f"{rate:g}", f"{fastest:g}", name)
    return None


def _above(field: str, asked: str, most: str, plan: str) -> Refusal:
    return Refusal(
        "QuotaAbovePlan",
        f"spec.quota.{field}: {asked} is above the {most} of plan {plan}; lower the quota or choose a larger plan",
    )
