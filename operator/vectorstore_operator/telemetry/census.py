"""What the operator tells of all stores together: how they stand, and what each tenant uses.

Made from the cache when somebody asks, on another thread than the cache is written by: so every
dictionary is copied in one step before it is gone through. How stores stand is counted by condition
and reason, without the stores' names; usage has them, as it is what bills are made of. Plans are few, and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.objects import Object
from vectorstore_operator.observe import Usage

TENANT = ("namespace", "name", "tenant", "plan")
"""Whose usage it is."""


class Census(Collector):
    """The metrics of all stores."""

    def __init__(self, cache: Cache, usage: Callable[[], Mapping[Key, Usage]]) -> None:
        """
        Args:
            cache: where stores are known.
            usage: what they last answered; empty while another operator asks them.
        """
        self._cache, self._usage = cache, usage

    def collect(self) -> Iterator[Metric]:
        """The metrics, as Prometheus' library asks for them."""
        stores = dict(self._cache.stores())
        yield conditions(stores.values())
        yield from rollouts(self._cache.plans())
        yield from showback(stores, dict(self._usage()))
        yield backed(stores)


def conditions(stores: Iterable[Object]) -> Metric:
    """How many stores are told what, by condition, status and reason."""
    metric = GaugeMetricFamily(
        "vectorstore_operator_store_conditions",
        "Stores by what is told of them.",
        labels=("condition", "status", "reason"),
    )
    told = Counter(
        (condition["type"], condition["status"], condition["reason"])
        for store in stores
        for condition in (store.get("status") or {}).get("conditions") or ()
    )
    for labels, number in told.items():
        metric.add_metric(labels, number)
    return metric


STANDS = ("updated", "waiting", "moving", "failed", "refused")
"""Where a plan's stores stand with the plan as it is: fields of its status."""


def rollouts(plans: Iterable[Object]) -> Iterator[Metric]:
    """What is told of each plan, and how far its stores follow it."""
    told = GaugeMetricFamily(
        "vectorstore_operator_plan_conditions",
        "Always 1: what is told of a plan.",
        labels=("plan", "condition", "status", "reason"),
    )
    stores = GaugeMetricFamily(
        "vectorstore_operator_plan_stores", "Stores by how far they follow their plan.", labels=("plan", "stand")
    )
    for plan in plans:
        name, status = plan["metadata"]["name"], plan.get("status") or {}
        for condition in status.get("conditions") or ():
            told.add_metric((name, condition["type"], condition["status"], condition["reason"]), 1)
        for stand in STANDS if "rollout" in status else ():
            stores.add_metric((name, stand), status["rollout"].get(stand, 0))
    yield from (told, stores)


def showback(stores: Mapping[Key, Object], usage: Mapping[Key, Usage]) -> Iterator[Metric]:
    """What each tenant holds, may hold, and when it last asked for something."""
    families = {
        field: GaugeMetricFamily(f"vectorstore_operator_store_{name}", text, labels=TENANT)
        for field, name, text in (
            ("documents", "documents", "Documents a store holds."),
            ("limit", "documents_limit", "Documents a store may hold."),
            ("bytes", "bytes", "Bytes of a store's files."),
            ("last_request", "last_request_timestamp_seconds", "When its tenant last asked for something."),
        )
    }
    for key in stores.keys() & usage.keys():
        labels = _tenant(key, stores[key])
        for field, family in families.items():
            if (number := getattr(usage[key], field)) is not None:
                family.add_metric(labels, number)
    yield from families.values()


def backed(stores: Mapping[Key, Object]) -> Metric:
    """When what each tenant would get back was taken."""
    metric = GaugeMetricFamily(
        "vectorstore_operator_store_last_backup_timestamp_seconds",
        "When a store's last good backup was taken.",
        labels=TENANT,
    )
    for key, store in stores.items():
        taken = ((store.get("status") or {}).get("backup") or {}).get("lastGoodAt")
        if taken:
            metric.add_metric(_tenant(key, store), datetime.fromisoformat(taken).timestamp())
    return metric


def _tenant(key: Key, store: Object) -> tuple[str, str, str, str]:
    tenant = (store.get("spec") or {}).get("tenantId") or key.name
    return key.namespace, key.name, tenant, (store.get("status") or {}).get("plan") or ""
