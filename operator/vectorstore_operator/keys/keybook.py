"""What is in a store's credentials besides its address: keys, former keys, and what was done with them. Pure.

The entries and annotations of the Secret:

    read-write, read-only                the key of each role
    read-write-next, ...                 new ones, valid already, not handed out yet
    read-write-until-20260102T030405Z    former ones, valid until then
    annotation vectorstore.dev/keys      `Record`: what was asked for and carried out
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from vectorstore_operator import times
from vectorstore_operator.api.base import Brief
from vectorstore_operator.api.keys import KeysStatus, StoreKeys
from vectorstore_operator.keys.secretdata import decoded
from vectorstore_operator.objects import Object

ROLES = ("read-write", "read-only")
ANNOTATION = "vectorstore.dev/keys"

LOOK = 0.5
"""Seconds between two looks at an exchange under way."""

_FORMER = re.compile(rf"({'|'.join(ROLES)})-until-(\d{{8}}T\d{{6}}Z)")
_MOMENT = "%Y%m%dT%H%M%SZ"


class Turn(BaseModel):
    """An exchange under way."""

    model_config = ConfigDict(frozen=True)
    rotate: Brief | None = None
    revoke: Brief | None = None
    revokes: bool = False
    """Whether no other key is valid after it."""
    source: Brief | None = None
    """The Secret that keys are taken from by it."""
    since: AwareDatetime


class Record(BaseModel):
    """What was asked for and carried out."""

    model_config = ConfigDict(frozen=True)
    rotate: Brief | None = None
    revoke: Brief | None = None
    at: AwareDatetime | None = None
    """When keys were exchanged last."""
    source: Brief | None = None
    """The Secret the keys were taken from."""
    turn: Turn | None = None


def recorded(live: Object) -> Record:
    """The record in a store's credentials; an empty one where there is none that can be read."""
    try:
        return Record.model_validate_json((live["metadata"].get("annotations") or {}).get(ANNOTATION, "{}"))
    except ValidationError:
        return Record()


def first_record(asked: StoreKeys) -> Object:
    """The annotations of credentials that are new: nothing asked for is left to do."""
    record = Record(rotate=asked.rotate, revoke=asked.revoke, source=asked.secret_name)
    return {ANNOTATION: written(record)} if record != Record() else {}


def lines(secret: Object, entry: str) -> list[str]:
    """The keys in an entry, one per line."""
    return [line.strip() for line in decoded(secret, entry).splitlines() if line.strip()]


def valid(live: Object, role: str, now: datetime, given: Object | None = None) -> list[str]:
    """All keys of a role: the one in force and the next one, or those of the Secret that is given; former ones.

    The one in force, which is shown, stays valid until one of another Secret has taken its place.
    """
    if given is None:
        keys = [*lines(live, role), *lines(live, f"{role}-next")]
    else:
        taken = recorded(live).source == given["metadata"]["name"]
        keys = [*lines(given, role), *([] if taken else lines(live, role))]
    for entry, of, until in former(live):
        if of == role and until > now:
            keys += lines(live, entry)
    return list(dict.fromkeys(keys))


def former(live: Object) -> Iterator[tuple[str, str, datetime]]:
    """Entries with former keys: name, role, and until when they are valid."""
    for entry in live.get("data") or {}:
        if found := _FORMER.fullmatch(entry):
            try:
                yield entry, found[1], datetime.strptime(found[2], _MOMENT).replace(tzinfo=UTC)
            except ValueError:
                continue  # no date, so no key


def entry_until(role: str, until: datetime) -> str:
    """The entry for keys of a role that are valid until then."""
    return f"{role}-until-{until.astimezone(UTC).strftime(_MOMENT)}"


def due(live: Object, asked: StoreKeys) -> datetime | None:
    """When new keys are made by themselves."""
    since = made(live)
    return since + timedelta(days=asked.rotate_every) if asked.rotate_every and since else None


def made(live: Object) -> datetime | None:
    """When the keys in force were made or exchanged."""
    created = live["metadata"].get("creationTimestamp")
    return recorded(live).at or (datetime.fromisoformat(created) if created else None)


def again(live: Object, asked: StoreKeys, now: datetime) -> float | None:
    """In how many seconds there may be something to do, None for never."""
    if recorded(live).turn:
        return LOOK
    moments = [until for _, _, until in former(live)]
    if moment := due(live, asked):
        moments.append(moment)
    return max(0.0, (min(moments) - now).total_seconds()) if moments else None


def waiting(live: Object, asked: StoreKeys) -> str | None:
    """The request that is not carried out yet, as field and value; None where there is none."""
    record = recorded(live)
    if asked.revoke not in (None, record.revoke):
        return f"spec.keys.revoke: {asked.revoke}"
    if asked.rotate not in (None, record.rotate):
        return f"spec.keys.rotate: {asked.rotate}"
    return f"spec.keys.secretName: {asked.secret_name}" if asked.secret_name != record.source else None


def told(live: Object | None, asked: StoreKeys | None) -> KeysStatus | None:
    """What the status says of keys; None where nothing was ever asked of them."""
    if live is None:
        return None
    record = recorded(live)
    if asked in (None, StoreKeys()) and record == Record():
        return None
    last = max((until for _, _, until in former(live)), default=None)
    return KeysStatus(
        rotated_at=_time(made(live)),
        next_rotation=_time(due(live, asked)) if asked else None,
        former_valid_until=_time(last),
        rotate=record.rotate,
        revoke=record.revoke,
        secret_name=record.source,
    )


def written(record: Record) -> str:
    """A record as the annotation holds it."""
    return record.model_dump_json(exclude_defaults=True)


def _time(moment: datetime | None) -> str | None:
    return times.time(moment) if moment else None
