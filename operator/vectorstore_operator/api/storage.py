"""The volume of a store: what it asks for, what its plan gives it, and how it may grow. It never shrinks."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from vectorstore_operator.api.base import Brief, Model, Moment, Rule, Subdomain, cel
from vectorstore_operator.api.quantities import Size
from vectorstore_operator.quantity import parse

SHRINK_RULE = Rule(
    rule="!has(self.size) || !has(oldSelf.size) || quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
    message="storage.size: a volume grows and does not shrink; leave size out to keep the volume as it is, or make "
    "another store with less and copy the collections",
)

_NAMED = "has({0}.storage) && has({0}.storage.className)"
CLASS_RULE = Rule(
    rule=f"({_NAMED.format('self')}) == ({_NAMED.format('oldSelf')}) && "
    f"(!({_NAMED.format('self')}) || self.storage.className == oldSelf.storage.className)",
    message="storage.className is fixed when the store is made; make another store for another storage.className",
)
"""Sits on the spec: a rule on `storage` is not asked when the whole of it comes or goes."""


class Storage(Model):
    """The store's volume, where the plan's does not fit."""

    model_config = ConfigDict(json_schema_extra=cel(SHRINK_RULE))
    size: Size | None = None
    """At least what the quota needs; may grow. Omitted = the plan's, or what the volume has."""
    class_name: Subdomain | None = None
    """StorageClass, fixed for the store's life."""


class AutoGrow(Model):
    """When and how far volumes of a plan grow by themselves, a step at most every six hours."""

    threshold_percent: int = Field(80, ge=10, le=95)
    """How full a volume is, in percent, when it grows."""
    step: Size
    """By how much."""
    max: Size
    """Up to which size; the plan's documents must fit into it."""


class PlanStorage(Model):
    """The volume of one pod."""

    size: Size | None = None
    """What a new store's volume has: at least what the document ceiling needs, which is also the default."""
    class_name: Subdomain | None = None
    """StorageClass; omitted = the cluster's default."""
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod"] = "ReadWriteOnce"
    """ReadWriteOncePod where the platform's driver has it."""
    auto_grow: AutoGrow | None = None
    """Volumes may begin with less than the ceiling needs, and grow as they fill and as `size` does."""


class StorageStatus(Model):
    """The volume there is."""

    size: Brief | None = None
    """What it asks for."""
    capacity: Brief | None = None
    """What it has: behind `size` while it grows."""
    requested: Brief | None = None
    """The most that spec.storage.size asked for; it cannot go below that any more."""
    grown_at: Moment | None = None
    """When it last began to grow, RFC 3339."""


def storage_changed(old: Storage | None, new: Storage | None) -> str | None:
    """What the rules say of two editions, where there is no API server to say it."""
    before, after = old or Storage(), new or Storage()
    if before.class_name != after.class_name:
        return CLASS_RULE.message
    if before.size and after.size and parse(after.size) < parse(before.size):
        return SHRINK_RULE.message
    return None
