"""From children to the status of a store, and from the arithmetic to that of a plan. Pure.

A store that is refused goes on as it last was: its address, plan and documents stay in the status, and
Ready keeps telling the truth about the pods.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vectorstore_operator import names, times
from vectorstore_operator.api.base import Model
from vectorstore_operator.api.plan import PlanStatus
from vectorstore_operator.api.plan_rollout import PlanRollout
from vectorstore_operator.api.store import StoreStatus
from vectorstore_operator.conditions import Told, stamped, told
from vectorstore_operator.keys import keybook
from vectorstore_operator.keys.holder import asked_of
from vectorstore_operator.objects import Children, Object, belongs, paused
from vectorstore_operator.observe.backed import NOTHING, Backed
from vectorstore_operator.observe.health import CONDITIONS, Seen
from vectorstore_operator.observe.pods import Rollout, rollout, standing, unattended
from vectorstore_operator.observe.rolled import Rolled, unjudged
from vectorstore_operator.plan import Plan, Resolved
from vectorstore_operator.plan.address import address
from vectorstore_operator.plan.claimed import storage_status
from vectorstore_operator.plan.embedding import Embedding
from vectorstore_operator.quantity import from_bytes
from vectorstore_operator.refusal import Refusal


@dataclass(frozen=True)
class Usage:
    """What an instance says it holds."""

    documents: int
    limit: int
    """The quota it keeps at the moment."""
    bytes: int = 0
    collections: int = 0
    last_request: int | None = None
    """When the tenant last asked for something, in Unix seconds; None if not since the instance started."""


def status(
    store: Object,
    verdict: Resolved | Refusal,
    children: Children,
    usage: Usage | None,
    now: datetime,
    rolled: Rolled | None = None,
    backed: Backed = NOTHING,
) -> Object:
    """The whole status of a store, as JSON.

    Args:
        store: the VectorStore, with its last status.
        verdict: what it comes to, or why it is refused.
        children: what it consists of, answers to the last applies included.
        usage: what its instance holds, if that is known.
        now: since when conditions that change hold.
        rolled: which edition it has; None where that was not looked at.
        backed: what is told of its backups and its restore.
    """
    rolled = rolled or unjudged(store)
    meta, before = store["metadata"], store.get("status") or {}
    name = meta["name"]
    used, limit = _documents(before.get("documents"), verdict, usage)
    seen = Seen(store, verdict, children, _rollout(store, verdict, children), used, limit, rolled.told, backed)
    return _json(
        StoreStatus(
            observed_generation=meta.get("generation"),
            **_served(store, verdict, children),
            replicas=seen.rollout.there if seen.rollout else 0,
            ready_replicas=seen.rollout.ready if seen.rollout else 0,
            selector=",".join(f"{label}={value}" for label, value in names.selector(name).items()),
            documents=f"{used}/{limit}" if used is not None else None,
            bytes=usage.bytes if usage else before.get("bytes"),
            last_request=_last_request(usage) or before.get("lastRequest"),
            storage=storage_status(store, verdict, children, now),
            version=rolled.version,
            rollout=rolled.status,
            backup=backed.protection,
            restore=backed.restore,
            conditions=stamped(store, (news for tell in CONDITIONS if (news := tell(seen))), now),
        )
    )


def plan_status(
    plan: Object,
    verdict: Plan | Refusal,
    now: datetime,
    stores: int = 0,
    rollout: PlanRollout | None = None,
    news: Iterable[Told] = (),
) -> Object:
    """The status of a plan that so many stores have, as JSON; the sizes of one that is refused are those it had."""
    before = plan.get("status") or {}
    if isinstance(verdict, Plan):
        sizes: dict[str, str | None] = {"memory": from_bytes(verdict.memory), "storage": from_bytes(verdict.storage)}
        accepted = told("Accepted", True, "Accepted", "stores may use the plan")
    else:
        sizes = {size: before.get(size) for size in ("memory", "storage")}
        accepted = told("Accepted", False, verdict.reason, verdict.message)
    return _json(
        PlanStatus(
            observed_generation=plan["metadata"].get("generation"),
            **sizes,
            stores=stores,
            rollout=rollout,
            conditions=stamped(plan, [accepted, *news], now),
        )
    )


def fixed(chosen: Embedding) -> dict[str, Any]:
    """What no change of a plan changes any more: fields of the status that `accept.before` reads again."""
    return {"precision": chosen.precision, "dimension": chosen.dimension if chosen.endpoint else None}


def _served(store: Object, verdict: Resolved | Refusal, children: Children) -> dict[str, Any]:
    """By which plan, where and with what it is served: of a store that is refused what it was."""
    before, secret = store.get("status") or {}, names.credentials(store["metadata"]["name"])
    keys = keybook.told(children.get(("Secret", secret)), asked_of(store))
    if isinstance(verdict, Refusal):
        left = {field: before.get(field) for field in ("plan", "url", "secret", "precision", "dimension")}
        return left | {"keys": keys or before.get("keys")}
    where: dict[str, Any] = {"url": address(verdict).url, "secret": secret}
    if paused(store):  # nothing is made: it is where it was, and nowhere where it was made paused
        where = {field: before.get(field) for field in where}
    return {"plan": verdict.plan.name, **where, "keys": keys, **fixed(verdict.embedding)}


def _rollout(store: Object, verdict: Resolved | Refusal, children: Children) -> Rollout | None:
    meta = store["metadata"]
    live = children.get(("StatefulSet", meta["name"]))
    if live is not None and not belongs(live, meta["name"], meta["uid"]):
        return None
    # Of a store that had none yet, pods are those of an earlier one of its name.
    had = (store.get("status") or {}).get("replicas")
    if had and isinstance(verdict, Resolved) and (live is None or unattended(live)):
        pods = [child for (kind, _), child in children.items() if kind == "Pod"]
        if found := standing(pods, verdict.replicas):
            return found
    if live is None:
        return None
    if isinstance(verdict, Refusal) or paused(store):
        return rollout(live)  # left as it is
    return rollout(live, verdict.replicas)


def _documents(before: str | None, verdict: Resolved | Refusal, usage: Usage | None) -> tuple[int | None, int | None]:
    """Documents held and allowed, as far as known: between two answers the last one stands."""
    last_used, _, last_limit = (before or "").partition("/")
    used = usage.documents if usage else int(last_used) if last_used else None
    if isinstance(verdict, Resolved):
        return used, verdict.documents
    return used, usage.limit if usage else int(last_limit) if last_limit else None


def _last_request(usage: Usage | None) -> str | None:
    return times.time(datetime.fromtimestamp(usage.last_request, UTC)) if usage and usage.last_request else None


def _json(status: Model) -> Object:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
