"""What the tenant asked of whoever runs the store, a backup or a restore, and what it was told came of it.

An instance makes no backup: it has no way to a bucket. A wish is written down before it is acknowledged, shown to
whoever looks after the store (`/admin/usage`), and open until that one has told what comes of it (`/admin/backups`).
What was told last is written down with it, so that a restart forgets nothing. The file is small, there from the first
wish on, and no part of the store: archives do not hold it, and a restore leaves it where it is.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from vectorstore_instance.core.errors import conflict, no_room, too_many
from vectorstore_instance.engine.disk import is_full
from vectorstore_instance.engine.manifest import write_synced
from vectorstore_instance.engine.staging import WISHES

log = logging.getLogger(__name__)

KEPT = 32
"""Backups that holders of keys may have had made, and that are there still."""
ENDED = 16
"""Wishes that are remembered after their end."""
AGAIN_SECONDS = 60
_UNDER_WAY = frozenset({"requested", "pending", "running", "verifying", "waiting", "restoring"})

Brief = Annotated[str, msgspec.Meta(max_length=253)]
Words = Annotated[str, msgspec.Meta(max_length=2048)]


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """A backup or a restore that was asked for."""

    id: str
    """Of the backup that it becomes, or of the restore."""
    verb: Literal["backup", "restore"]
    asked: str
    """When, RFC 3339."""
    verify: bool | None = None
    """Whether the backup is to be proven; None: as planned."""
    backup: str = ""
    """What is to be restored."""
    state: str = "requested"
    message: str = ""

    @property
    def open(self) -> bool:
        """Whether nothing has come of it yet."""
        return self.state in _UNDER_WAY


class Backup(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A backup of the store, as whoever looks after it tells."""

    id: Brief
    state: Brief
    taken: Brief | None = None
    documents: int | None = None
    size: int | None = None
    verified: Brief | None = None
    message: Words = ""
    asked: bool = False
    """Whether a holder of a key wished for it."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a wish stands that is no backup: a restore, or one that was refused."""

    id: Brief
    state: Brief
    message: Words = ""


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What whoever looks after the store tells: all its backups, the oldest first, and how wishes stand."""

    backups: Annotated[list[Backup], msgspec.Meta(max_length=1000)] = []
    outcomes: Annotated[list[Outcome], msgspec.Meta(max_length=100)] = []


class _Kept(msgspec.Struct, frozen=True):
    """The file."""

    wishes: list[Wish] = []
    backups: list[Backup] = []


class Wishes:
    """The wishes of one store's tenant, the oldest first."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / WISHES
        self._changing = asyncio.Lock()

    @property
    def all(self) -> Sequence[Wish]:
        """Those that are open, and those that ended lately."""
        return self._kept.wishes

    @property
    def open(self) -> list[Wish]:
        """Those of which nothing has come yet."""
        return [wish for wish in self.all if wish.open]

    @property
    def backups(self) -> Sequence[Backup]:
        """The backups there are, as was told last."""
        return self._kept.backups

    async def add(self, verb: Literal["backup", "restore"], *, verify: bool | None = None, backup: str = "") -> Wish:
        """Writes a wish down.

        Raises:
            ApiError: 409 another is open, 429 enough backups are there already, 507 the disk is full.
        """
        async with self._changing:
            self._check(verb)
            now = datetime.now(UTC)
            id_ = f"asked-{now:%Y%m%d%H%M%S}-{secrets.token_hex(4)}"
            wish = Wish(id_, verb, f"{now:%Y-%m-%dT%H:%M:%SZ}", verify=verify, backup=backup)
            await self._keep([*self.all, wish], self.backups)
            return wish

    async def tell(self, told: Told) -> None:
        """Takes in what is told: a wish that became a backup is that backup from now on."""
        async with self._changing:
            made = {backup.id for backup in told.backups}
            outcomes = {outcome.id: outcome for outcome in told.outcomes}
            wishes = [_now(wish, outcomes.get(wish.id)) for wish in self.all if wish.id not in made]
            await self._keep(wishes, told.backups)

    def _check(self, verb: str) -> None:
        under_way = [(wish.id, wish.state) for wish in self.open]
        under_way += [(one.id, one.state) for one in self.backups if one.asked and one.state in _UNDER_WAY]
        if under_way:
            id_, state = under_way[0]
            told = f"{verb}: {id_} is {state}, and one is carried out at a time; try again when it has ended"
            raise conflict(told, AGAIN_SECONDS)
        if verb == "backup" and sum(backup.asked for backup in self.backups) >= KEPT:
            raise too_many(
                f"backup: {KEPT} that were asked for like this are kept, and that is the most; have whoever runs the "
                "store delete some",
                AGAIN_SECONDS,
            )

    async def _keep(self, wishes: Sequence[Wish], backups: Sequence[Backup]) -> None:
        ended = [wish for wish in wishes if not wish.open][-ENDED:]
        kept = _Kept([wish for wish in wishes if wish.open or wish in ended], list(backups))
        if kept == self._kept:
            return
        try:
            await asyncio.to_thread(write_synced, self._path, msgspec.json.encode(kept))
        except OSError as problem:
            if not is_full(problem):
                raise
            raise no_room(f"the disk is full ({problem}); have the store's volume enlarged") from None
        self._kept = kept

    @cached_property
    def _kept(self) -> _Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return _Kept()
        except (OSError, msgspec.MsgspecError) as problem:
            log.error("%s: %s: what tenants asked for before is forgotten", self._path, problem)
            return _Kept()


def _now(wish: Wish, outcome: Outcome | None) -> Wish:
    if outcome is None or not wish.open:
        return wish
    return msgspec.structs.replace(wish, state=outcome.state, message=outcome.message)
