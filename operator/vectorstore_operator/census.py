"""What the operator tells of all stores together: how they stand, and what each tenant uses.

Made from the cache when somebody asks, on another thread than the cache is written by: so every
dictionary is copied in one step before it is gone through. How stores stand is counted by condition
and reason, without the stores' names; usage has them, as it is what bills are made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vectorstore_operator.cache import Cache, Key
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
        yield from showback(stores, dict(self._usage()))


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


def _tenant(key: Key, store: Object) -> tuple[str, str, str, str]:
    tenant = (store.get("spec") or {}).get("tenantId") or key.name
    return key.namespace, key.name, tenant, (store.get("status") or {}).get("plan") or ""
