"""`VectorStoreBackup`: one backup of a store; when they are made, how long they are kept, and who may restore them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from vectorstore_operator.api.base import SET, Brief, Conditions, Model, Moment, Name, Rule, cel, immutable
from vectorstore_operator.api.cron import Cron
from vectorstore_operator.api.destination import Destination, OwnDestination
from vectorstore_operator.api.plan_rollout import known_zone
from vectorstore_operator.api.urls import UrlPrefix

TimeZone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]+$", max_length=64), AfterValidator(known_zone)]
Count = Annotated[int, Field(ge=0, le=1000)]

Policy = Literal["Retain", "Delete"]
Phase = Literal["Pending", "Running", "Verifying", "Completed", "Failed", "Deleting"]

NAME_RULE = Rule(
    rule="self.metadata.name.size() <= 63",
    message="metadata.name: at most 63 characters, as restoreFrom.backup.name and names of grants take no more",
)


class Retention(Model):
    """Which scheduled backups stay: whatever one of these keeps. The last good one always does."""

    last: Count | None = None
    """The newest so many."""
    daily: Count | None = None
    """The newest of each of so many days, by the clocks of the schedule's time zone."""
    weekly: Count | None = None
    """The newest of each of so many weeks, which begin on Monday."""
    monthly: Count | None = None
    """The newest of each of so many months."""


class StoreBackup(Model):
    """When this store is backed up, how long its backups stay and where they are."""

    schedule: Cron | None = None
    """When; omitted = the plan's `backup.schedule`."""
    time_zone: TimeZone | None = None
    """Whose clocks: a name of the IANA's; omitted = the plan's."""
    suspend: bool | None = None
    """No backup is made by the schedule."""
    retention: Retention | None = None
    """Which stay; omitted = the plan's."""
    destination: OwnDestination | None = None
    """A bucket of one's own; omitted = the plan's."""
    verify: bool | None = None
    """Whether each backup is proven by restoring it in a scratch folder; omitted = the plan's."""


class PlanBackup(Model):
    """How stores of the plan are backed up."""

    destination: Destination | None = None
    """Where; omitted = only stores with a destination of their own can be."""
    endpoints: Annotated[list[UrlPrefix], Field(max_length=32)] | None = None
    """S3 endpoints that stores may name as their own, or restore from; `*` for any, `https://s3.amazonaws.com` for
    Amazon's; omitted = none."""
    schedule: Cron | None = None
    """When; omitted = only when asked."""
    time_zone: TimeZone = "UTC"
    """Whose clocks: a name of the IANA's, such as Europe/Berlin."""
    retention: Retention | None = None
    """Which scheduled backups stay; omitted = all."""
    verify: bool = True
    """Whether each backup is proven by restoring it in a scratch folder."""
    stale_hours: int | None = Field(None, ge=1, le=8760)
    """Hours after which the last good backup is too old; omitted = the schedule's own pace, and as much again."""
    by_tenants: bool = False
    """Whether holders of a read-write key may ask for backups and restores: `POST /backup`, `POST /restore`."""


class BackupSpec(Model):
    """One backup of a store."""

    model_config = ConfigDict(json_schema_extra=cel(*immutable("store", of="backup")))
    store: Name
    """The VectorStore, of the same namespace."""
    deletion_policy: Policy | None = None
    """Whether the archive goes with this object; omitted = Retain."""
    verify: bool | None = None
    """Whether it is proven by restoring it in a scratch folder; omitted = as its store or plan says."""


class Verification(Model):
    """The last drill that held."""

    at: Moment
    """When, RFC 3339."""
    documents: int
    """Rows that were compared, each with its vector."""
    questions: int
    """Sample queries that were asked."""
    recall: float
    """The share of the exact answers that were found."""


class BackupStatus(Model):
    """What became of it."""

    observed_generation: int | None = None
    """The generation of the spec this speaks of."""
    phase: Phase | None = None
    """Where it stands."""
    store_uid: Brief | None = None
    """Of the VectorStore: one made anew under a name is another store."""
    plan: Brief | None = None
    """The plan it was made by: its destination has it, or allowed the store's own."""
    destination: Annotated[str, Field(max_length=1024)] | None = None
    """Where it is, for people: `s3://bucket/prefix`."""
    own: OwnDestination | None = None
    """The store's own destination that has it."""
    object: Annotated[str, Field(max_length=1024)] | None = None
    """Its path there, for people and for `restoreFrom.object`."""
    started_at: Moment | None = None
    """When it was begun."""
    taken_at: Moment | None = None
    """When the snapshot was taken: what was acknowledged before is in it."""
    completed_at: Moment | None = None
    """When it was done with, well or not."""
    seconds: float | None = None
    """How long it took, without the proof."""
    size: int | None = None
    """Bytes of the archive."""
    bytes: int | None = None
    """Bytes it takes unpacked."""
    documents: int | None = None
    """Documents in it."""
    collections: int | None = None
    """Collections in it."""
    sequence: int | None = None
    """The last operation in it."""
    pause_seconds: float | None = None
    """How long a write waited at most."""
    encrypted: bool | None = None
    """Whether it was encrypted before it left."""
    model: Brief | None = None
    """The embedding model of its vectors."""
    release: Brief | None = None
    """The release of the instance that wrote it."""
    attempts: int | None = None
    """How often it was tried."""
    verified: Verification | None = None
    """The last drill that held."""
    conditions: Conditions = []
    """Complete, Verified."""


class GrantSpec(Model):
    """Whose stores may be restored from backups of this namespace."""

    from_: Annotated[list[Name], Field(alias="from", min_length=1, max_length=64, json_schema_extra=SET)]
    """Namespaces of those stores."""
    names: Annotated[list[Name], Field(max_length=256, json_schema_extra=SET)] | None = None
    """Backups; omitted = all of this namespace."""


class ProtectionStatus(Model):
    """How a store is backed up."""

    last_good: Brief | None = None
    """The newest backup that is complete, and proven where it is to be."""
    last_good_at: Moment | None = None
    """When its snapshot was taken."""
    next: Moment | None = None
    """When the next is made by the schedule."""
    count: int | None = None
    """Backups there are."""
    scheduled: Moment | None = None
    """The time of the schedule that was last carried out, or missed."""
    missed: int | None = None
    """Times of the schedule since the last good one that brought none."""
