"""What is told of backups as metrics: made of what is known when somebody asks, on another thread."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vectorstore_operator.backups.known import Backup, Shelf
from vectorstore_operator.cluster.cache import Key

STORE = ("namespace", "name")
"""Whose backups they are."""


class Numbers(Collector):
    """The last good backup of every store, and how all stand."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def collect(self) -> Iterator[Metric]:
        """The metrics, as Prometheus' library asks for them."""
        size = GaugeMetricFamily(
            "vectorstore_operator_store_last_backup_bytes", "Size of a store's last good backup.", labels=STORE
        )
        seconds = GaugeMetricFamily(
            "vectorstore_operator_store_last_backup_seconds", "How long it took to make.", labels=STORE
        )
        phases = GaugeMetricFamily("vectorstore_operator_backups", "Backups by where they stand.", labels=("phase",))
        last, count = dict[Key, Backup](), dict[str, int]()
        for backup in self._shelf.all():
            count[backup.phase or "Pending"] = count.get(backup.phase or "Pending", 0) + 1
            former = last.get(backup.of)
            if backup.good and (former is None or (former.taken or former.created) < (backup.taken or backup.created)):
                last[backup.of] = backup
        for key, backup in last.items():
            for family, number in ((size, backup.size), (seconds, backup.seconds)):
                if number is not None:
                    family.add_metric(key, number)
        for phase, number in count.items():
            phases.add_metric((phase,), number)
        yield from (size, seconds, phases)
