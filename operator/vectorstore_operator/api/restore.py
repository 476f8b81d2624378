"""What a store is restored from: a backup of its namespace, one of another by a grant, or an object of a bucket."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vectorstore_operator.api.base import Brief, Model, Moment, Name
from vectorstore_operator.api.destination import PART, OwnDestination
from vectorstore_operator.api.keys import Request
from vectorstore_operator.api.rules import Ruled, one_of

SOURCE = one_of("backup", "object", "restore from either backup or object; leave one out")
ObjectPath = Annotated[str, Field(pattern=rf"^{PART}(/{PART})*[.]tar[.]zst([.]age)?$", max_length=1024)]
"""An archive's path in its bucket."""

FORMER = 16
"""Requests before the last that are remembered."""


class BackupRef(Model):
    """A VectorStoreBackup."""

    name: Name
    """Its name."""
    namespace: Name | None = None
    """Its namespace, where a VectorStoreBackupGrant allows it; omitted = the store's."""


class RawObject(Model):
    """An archive in a bucket, wherever it came from: who may read the bucket may restore it."""

    destination: OwnDestination
    """The bucket, and the Secret of the store's namespace with the key to it."""
    path: ObjectPath
    """The archive's path in it, prefix included."""


class RestoreFrom(Ruled):
    """What a new store begins with."""

    rules = (SOURCE,)
    backup: BackupRef | None = None
    """A backup."""
    object: RawObject | None = None
    """An archive in a bucket."""


class Restore(RestoreFrom):
    """What takes the place of what the store holds."""

    request: Request
    """Any string; another one restores once more."""


class RestoreStatus(Model):
    """What became of `restoreFrom`, or of the last `restore`."""

    phase: Literal["Waiting", "Restoring", "Restored", "Failed"] | None = None
    """Where it stands."""
    request: Brief | None = None
    """The `restore.request` that was carried out last, or is being; omitted for `restoreFrom`."""
    skipped: Brief | None = None
    """The `restore.request` that a new store's manifest came with: it was asked of another store."""
    former: Annotated[list[Brief], Field(max_length=FORMER)] | None = None
    """Requests before the last, the newest first: whatever came of them, none is carried out again."""
    source: Annotated[str, Field(max_length=1024)] | None = None
    """The backup or the object, for people."""
    started_at: Moment | None = None
    """When it was begun."""
    finished_at: Moment | None = None
    """When it was done with."""
    attempts: int | None = None
    """How often it was tried."""
    documents: int | None = None
    """Documents that were compared with the backup."""
    reason: Brief | None = None
    """Why it failed, or what it waits for: a stable word."""
    message: Annotated[str, Field(max_length=2048)] | None = None
    """Likewise, for people."""
