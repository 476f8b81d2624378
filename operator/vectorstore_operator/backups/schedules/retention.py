"""Which backups of a store go. Pure.

Only those that a schedule made, and of them whatever no part of the retention keeps. The parts count what is there, not
the calendar: `daily: 7` is the newest of each of the last seven days that have one, so that an outage costs nothing.
The newest good one stays, whatever is said. What came to nothing goes once a later one is good; until then the last ten
stay, to tell why.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from vectorstore_operator.api.backup import Retention
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.objects import Object

FAILED = 10
"""Newest failures that stay while nothing good came after them."""


def surplus(backups: Iterable[Backup], retention: Retention | None, zone: str) -> list[Backup]:
    """The backups that go, the oldest first.

    Args:
        backups: all of one store.
        retention: which stay; None, or one that names nothing, is all.
        zone: whose days, weeks and months.
    """
    if retention is None or not retention.model_dump(exclude_none=True):
        return []
    ours = sorted((b for b in backups if b.scheduled and b.final and not b.deleting), key=made, reverse=True)
    good = [b for b in ours if b.good]
    failed = [b for b in ours if not b.good]
    staying = {b.uid for b in [*_kept(good, retention, ZoneInfo(zone)), *good[:1]]}
    staying |= {b.uid for b in failed[:FAILED] if not good or made(b) > made(good[0])}
    return [b for b in reversed(ours) if b.uid not in staying]


def in_use(stores: Iterable[Object]) -> set[Key]:
    """Backups that stores are being restored from, or wait for."""
    found = set()
    for store in stores:
        told = (store.get("status") or {}).get("restore") or {}
        if told.get("phase") not in ("Waiting", "Restoring"):
            continue
        namespace, _, name = (told.get("source") or "").partition("/")
        found.add(Key(namespace, name))  # what a holder of a key asks for stands here alone
        for asked in (store["spec"].get("restoreFrom") or {}, store["spec"].get("restore") or {}):
            if backup := asked.get("backup"):
                found.add(Key(backup.get("namespace") or store["metadata"]["namespace"], backup["name"]))
    return found


def made(backup: Backup) -> tuple[datetime, str]:
    """Sorts backups by what is in them: when it was taken; of one that never was, when it was asked for."""
    return backup.taken or backup.created, backup.key.name


def _kept(good: Sequence[Backup], retention: Retention, zone: ZoneInfo) -> list[Backup]:
    """Whatever one of the parts keeps; the newest come first."""
    spans: tuple[tuple[int | None, Callable[[datetime], Hashable]], ...] = (
        (retention.daily, lambda local: local.date()),
        (retention.weekly, lambda local: local.isocalendar()[:2]),
        (retention.monthly, lambda local: (local.year, local.month)),
    )
    kept = list(good[: retention.last or 0])
    for count, span in spans:
        newest: dict[Hashable, Backup] = {}
        for backup in good:
            newest.setdefault(span(made(backup)[0].astimezone(zone)), backup)
        kept += list(newest.values())[: count or 0]
    return kept
