"""What comes of a backup job: one JSON object, on standard output and as the container's termination message."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Reason = Literal[
    "Done",
    "Invalid",  # job.json or a key file is wrong: say it in the destination's condition
    "WrongCredentials",  # refused, expired or revoked
    "NoSuchBucket",
    "NoSuchBackup",
    "Exists",  # another run has made a backup of that name
    "DestinationAway",  # it did not answer, or not in order, for as long as was waited
    "DestinationFull",
    "StoreAway",  # the instance, likewise
    "StoreBusy",  # it cannot now: another snapshot or a vacuum runs, or it is not ready
    "StoreRefused",  # it will not: it holds data already, or the token is wrong
    "WrongStore",  # the archive is of another store than its path says
    "WrongModel",
    "WrongKey",
    "NewerFormat",
    "Corrupt",  # damaged, cut off, altered
    "Differs",  # whole, and yet what comes out is not what went in
    "DiskFull",  # no room to unpack: in the scratch folder of a drill, or on the store's volume
    "Interrupted",  # told to end
    "Failed",  # what nobody foresaw
]
"""Stable words for why."""

TRANSIENT: frozenset[Reason] = frozenset({"DestinationAway", "StoreAway", "StoreBusy", "Interrupted", "Failed"})
"""Those that may be gone when the same job is started again."""

MESSAGE = 2000
"""Characters of a message, so that all of it fits into the 4 KiB of a termination message."""


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Verified(_Part):
    """A drill that was held."""

    at: datetime
    """When, in UTC."""
    seconds: float
    collections: int
    documents: int
    """Rows that were compared, each with its vector."""
    questions: int
    """Sample queries that were asked."""
    recall: float
    """The share of the exact answers that were found."""
    mended: int = 0
    """Differences that were gone once index files were made again from the queue."""


class Info(_Part):
    """What stands beside an archive, as `NAME.json`, written after it: what has none is no backup."""

    format: int
    """Of the archive."""
    name: str
    object: str
    """Its path in bucket or folder."""
    cluster: str
    namespace: str
    uid: str
    store: str
    """The store's name."""
    run: str
    taken: datetime
    """When the snapshot was taken, in UTC: what was acknowledged before is in it."""
    finished: datetime
    sequence: int
    """The last operation in it."""
    collections: int
    documents: int
    bytes: int
    """Of the files in it, which is what a restore needs room for."""
    size: int
    """Of the object, in bytes."""
    sha256: str
    """Of the object as it is stored."""
    encrypted: bool
    release: str
    chromadb: str
    model: str
    dimension: int
    precision: str
    pause_seconds: float
    """For which a write waited at most."""
    verified: Verified | None = None
    """The last drill that held."""


class Result(_Part):
    """What came of a job."""

    verb: str
    ok: bool
    reason: Reason
    message: Annotated[str, Field(max_length=MESSAGE)]
    """For people: what is wrong, where, and what to do. Never a key."""
    seconds: float
    transient: bool = False
    """Whether the same job started again may come through."""
    backup: Info | None = None
    """backup, verify, restore: the one it is about, as far as it is known."""
    verified: Verified | None = None
    """verify, restore: what was compared."""
    deleted: int = 0
    """delete: backups that are gone now; those that were gone already count too."""
    found: int = 0
    """list: how many there are; each is a line of its own on standard output, an `Info`."""
