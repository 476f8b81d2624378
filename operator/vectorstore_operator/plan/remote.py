"""Stores before an engine elsewhere: what their plan must permit, and how an instance is told. Pure.

Whoever may name a server reads there what its key lets it read: a plan lists only servers that tell
their tenants apart by keys, or that are one tenant's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vectorstore_operator.api.engine import REMOTE_RULES, RemoteEngine
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.api.urls import allowed
from vectorstore_operator.refusal import Refusal


def remote_of(spec: StoreSpec) -> RemoteEngine | None:
    """The engine elsewhere, if a store has one."""
    return spec.engine.remote if spec.engine else None


def remote_refused(name: str, plan: PlanSpec, spec: StoreSpec) -> Refusal | None:
    """Why a store cannot have its engine elsewhere.

    Args:
        name: the plan's.
        plan: the plan in force.
        spec: what the store's manifest says.
    """
    remote = remote_of(spec)
    if remote is None:
        return None
    if not allowed(remote.url, plan.remote_engines):
        listed = ", ".join(plan.remote_engines or ()) or "none"
        return Refusal(
            "EngineNotAllowed",
            f"spec.engine.remote.url: {remote.url} is not among the remoteEngines of plan {name}, which are {listed}; "
            "choose one of them, or have the plan's remoteEngines extended",
        )
    if remote.database and spec.jwt and spec.jwt.database_claim:
        return Refusal(
            "DatabaseFixed",
            f"spec.jwt.databaseClaim: users cannot have databases of their own inside spec.engine.remote.database "
            f"{remote.database!r}; leave one of the two out",
        )
    for wrong, rule in zip((spec.storage, spec.quota and spec.quota.bytes), REMOTE_RULES, strict=True):
        if wrong:
            return Refusal("SpecInvalid", f"spec: {rule.message}")
    return None


def remote_settings(spec: StoreSpec, folder: Path) -> dict[str, Any]:
    """Fields of `Settings` for it; none for a store that keeps its data itself.

    Args:
        spec: the store's.
        folder: where the Secret's entries are files.
    """
    remote = remote_of(spec)
    if remote is None:
        return {}
    given = {"engine_tenant": remote.tenant, "engine_database": remote.database}
    files = {f"engine_{entry}_file": folder / entry for entry in remote.secret_entries}
    return {"engine_url": remote.url, **files, **{field: value for field, value in given.items() if value}}
