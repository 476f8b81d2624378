"""Bodies and answers of the backup routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from vectorstore_instance.models.fields import Body

BackupId = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)]
"""What a backup is called."""


class BackupOrder(Body):
    """A backup to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"verify": True}})

    verify: bool | None = None
    """Whether it is proven by restoring it in a scratch folder; as the plan says where left out."""


class RestoreOrder(Body):
    """A backup to restore."""

    model_config = ConfigDict(json_schema_extra={"example": {"backup": "nightly"}})

    backup: BackupId
    """Which: one that `GET /backup` lists as completed."""


class BackupState(Body):
    """A backup and how far it is."""

    id: str
    """Names it."""
    state: str
    """`requested`, `pending`, `running`, `verifying`; at last `completed` or `failed`."""
    asked: str | None = None
    """When a holder of a key asked for it, RFC 3339; only until it is begun."""
    taken: str | None = None
    """When its snapshot was taken: what was acknowledged before is in it."""
    documents: int | None = None
    """Documents in it."""
    size: int | None = None
    """Bytes it takes."""
    verified: str | None = None
    """When it was last proven by restoring it in a scratch folder."""
    message: str | None = None
    """What it waits for, or why it failed."""


class BackupStates(Body):
    """The backups of the store."""

    backups: list[BackupState]
    """The oldest first."""


class RestoreState(Body):
    """A restore and how far it is."""

    id: str
    """Names it."""
    state: str
    """`requested`, `waiting`, `restoring`; at last `restored` or `failed`: then the store holds what it held."""
    backup: str
    """What is restored."""
    asked: str
    """When a holder of a key asked for it, RFC 3339."""
    message: str | None = None
    """What it waits for, or why it failed."""
