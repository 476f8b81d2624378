"""Whose Jobs run: so many at a time, whoever waits longest first."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime

from vectorstore_operator.backups.known import Backup, Item
from vectorstore_operator.cluster.cache import Key


class Turns:
    """The places at which backups are made and proven."""

    def __init__(
        self,
        at_once: int,
        active: Callable[[], set[str]],
        soon: Callable[[Item], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            at_once: how many places there are.
            active: the uids of those whose Jobs run.
            soon: told who has to ask again.
            clock: tells what time it is.
        """
        self._at_once, self._active, self._soon, self._clock = at_once, active, soon, clock
        self._held: set[str] = set()
        """Who has a place, and no Job yet."""
        self._waiting: dict[str, tuple[datetime, Item]] = {}
        """Since when who waits, as far as that counts."""
        self._served: dict[Key, datetime] = {}
        """When stores had their last place for a new backup: a hundred asked for at once are not all first."""

    def take(self, backup: Backup) -> bool:
        """Whether a backup has a place, from now on or already."""
        if backup.uid in self._busy():
            return True
        begun = backup.phase not in (None, "Pending")
        since = backup.created if begun else max(backup.created, self._served.get(backup.of, backup.created))
        self._waiting[backup.uid] = since, backup.item
        if backup.uid not in self._first():
            return False
        del self._waiting[backup.uid]
        self._held.add(backup.uid)
        if not begun:
            self._served[backup.of] = self._clock()
        return True

    def leave(self, uid: str) -> None:
        """A backup wants no place, for now or any more."""
        self._waiting.pop(uid, None)
        self._held.discard(uid)

    def wake(self) -> None:
        """A place may be free: whoever is to have it is told, and no other, as a thousand may wait."""
        for uid in self._first():
            self._soon(self._waiting[uid][1])

    def _busy(self) -> set[str]:
        return self._active() | self._held

    def _first(self) -> list[str]:
        """Who waits longest, as many as there are free places."""
        return heapq.nsmallest(self._at_once - len(self._busy()), self._waiting, key=lambda uid: self._waiting[uid])
