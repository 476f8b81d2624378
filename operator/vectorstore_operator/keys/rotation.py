"""The next step in the exchange of a store's keys. Pure.

All there is to know is in `<store>-credentials` itself (`keybook`), changed by one write per step, so
that a step happens once and whoever comes after a kill goes on from there.

An exchange has two steps. First the new keys are put beside those in force, or a Secret of the tenant's
is named, and pods learn their digests; when all have, they take their place. So the key that a tenant
reads works, at any moment, and after a kill between any two writes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.keys.keybook import (
    ANNOTATION,
    ROLES,
    Record,
    Turn,
    due,
    entry_until,
    former,
    lines,
    recorded,
    written,
)
from vectorstore_operator.keys.secretdata import encoded
from vectorstore_operator.objects import Object

PATIENCE = {False: timedelta(seconds=120), True: timedelta(seconds=2)}
"""How long new keys wait for a pod that takes none, until it has read its files; less when they revoke others."""
KEPT = 8
"""Former keys of a role: a store that is rotated all the time loses the oldest before its time."""


def step(
    live: Object,
    asked: StoreKeys,
    now: datetime,
    *,
    spread: bool,
    fresh: Callable[[], str],
    given: Object | None = None,
) -> Object | None:
    """What to change in a store's credentials now, as a merge patch; None when nothing is to be done.

    Args:
        live: the credentials.
        asked: what the spec says.
        now: the time.
        spread: whether all pods that are ready know the keys that are there.
        fresh: makes a key.
        given: the Secret the keys are taken from, where the spec names one.
    """
    record, turn = recorded(live), recorded(live).turn
    if given is not None:
        return _replaced(live, record, asked, given, now, spread=spread) or _expired(live, now)
    if turn and turn.source and turn.revokes:
        return _prepared(record, asked, now, fresh, revokes=True)
    if record.source or (turn and turn.source) or not any(lines(live, role) for role in ROLES):
        return _left(live, record, now, fresh)
    if asked.revoke not in (None, record.revoke, turn.revoke if turn else None):
        return _prepared(record, asked, now, fresh, revokes=True)
    if turn and not all(lines(live, f"{role}-next") for role in ROLES):
        return _prepared(record, asked, now, fresh, revokes=turn.revokes)
    if turn and (spread or now >= turn.since + PATIENCE[turn.revokes]):
        return _exchanged(live, record, turn, asked, now)
    if turn is None and _wanted(live, record, asked, now):
        return _prepared(record, asked, now, fresh, revokes=False)
    return _expired(live, now)


def _wanted(live: Object, record: Record, asked: StoreKeys, now: datetime) -> bool:
    moment = due(live, asked)
    return asked.rotate not in (None, record.rotate) or (moment is not None and now >= moment)


def _prepared(record: Record, asked: StoreKeys, now: datetime, fresh: Callable[[], str], *, revokes: bool) -> Object:
    turn = Turn(rotate=asked.rotate, revoke=asked.revoke, revokes=revokes or asked.overlap == 0, since=now)
    return _patch(record.model_copy(update={"turn": turn}), {f"{role}-next": fresh() for role in ROLES})


def _exchanged(live: Object, record: Record, turn: Turn, asked: StoreKeys, now: datetime) -> Object:
    data: dict[str, str | None] = {}
    for role in ROLES:
        data |= {role: lines(live, f"{role}-next")[0], f"{role}-next": None}
    data |= _ended(live, now, 0 if turn.revokes else asked.overlap, every=turn.revokes)
    done = Record(rotate=turn.rotate or record.rotate, revoke=turn.revoke or record.revoke, at=now)
    return _patch(done, data)


def _replaced(
    live: Object, record: Record, asked: StoreKeys, given: Object, now: datetime, *, spread: bool
) -> Object | None:
    """The first key of each role of somebody's Secret in place of those there are, once pods know it."""
    turn, shown = record.turn, {role: next(iter(lines(given, role)), None) for role in ROLES}
    same = all(next(iter(lines(live, role)), None) == shown[role] for role in ROLES)
    if record.source == asked.secret_name and same:
        return _patch(record.model_copy(update={"turn": None}), {}) if turn else None
    if turn is None or turn.source != asked.secret_name:
        under_way = {"revoke": turn.revoke, "revokes": turn.revokes} if turn else {}
        began = Turn(source=asked.secret_name, since=now, **under_way)
        return _patch(record.model_copy(update={"turn": began}), {})
    return (
        _taken(live, record, turn, shown, asked, now) if spread or now >= turn.since + PATIENCE[turn.revokes] else None
    )


def _taken(
    live: Object, record: Record, turn: Turn, shown: dict[str, str | None], asked: StoreKeys, now: datetime
) -> Object:
    data = dict(shown)
    if record.source is None:  # those that were made go; in somebody's own Secret a key that is gone is void
        ended = _ended(live, now, 0 if turn.revokes else asked.overlap, every=turn.revokes)
        data |= {f"{role}-next": None for role in ROLES} | ended
    done = Record(rotate=record.rotate, revoke=turn.revoke or record.revoke, at=now, source=asked.secret_name)
    return _patch(done, data)


def _left(live: Object, record: Record, now: datetime, fresh: Callable[[], str]) -> Object:
    """Keys are not taken from a Secret any more: those there are stay, and are made where there is none."""
    missing: dict[str, str | None] = {role: fresh() for role in ROLES if not lines(live, role)}
    unused: dict[str, str | None] = {f"{role}-next": None for role in ROLES if lines(live, f"{role}-next")}
    kept = {"rotate": record.rotate, "revoke": record.revoke}
    return _patch(Record(**kept, at=now if missing else record.at), missing | unused)


def _expired(live: Object, now: datetime) -> Object | None:
    gone: dict[str, str | None] = {entry: None for entry, _, until in former(live) if until <= now}
    return _patch(None, gone) if gone else None


def _ended(live: Object, now: datetime, hours: int, *, every: bool) -> dict[str, str | None]:
    """The keys in force as former ones; with `every`, or beyond the most that are kept, the former ones go."""
    data: dict[str, str | None] = {}
    for role in ROLES:
        before = sorted(entry for entry, of, _ in former(live) if of == role)
        data |= dict.fromkeys(before if every else before[: -KEPT + 1])
        entry = entry_until(role, now + timedelta(hours=hours))
        if hours and lines(live, role):
            data[entry] = "\n".join(dict.fromkeys([*lines(live, role), *lines(live, entry)]))
    return data


def _patch(record: Record | None, data: dict[str, str | None]) -> Object:
    entries = {name: None if text is None else encoded(text) for name, text in data.items()}
    change: Object = {"data": entries} if entries else {}
    if record is not None:
        change["metadata"] = {"annotations": {ANNOTATION: written(record)}}
    return change
