"""A store's keys: when new ones are made, how long the former stay valid, or where they come from instead."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from vectorstore_operator.api.base import Brief, Model, Moment, Name
from vectorstore_operator.api.rules import Check, Ruled, excludes

SOURCE = excludes(
    "secret_name",
    "rotate",
    "revoke",
    "rotate_every",
    message="secretName does not go together with rotate, revoke and rotateEvery: exchange the keys in that Secret",
)
OVERLAP = Check(
    rule="!has(self.overlapHours) || !has(self.rotateEvery) || self.overlapHours <= self.rotateEvery * 24",
    message="overlapHours is longer than rotateEvery days; lower it",
    holds=lambda keys: (keys.overlap_hours or 0) <= (keys.rotate_every or math.inf) * 24,
)

DEFAULT_OVERLAP_HOURS = 24

Request = Annotated[str, Field(min_length=1, max_length=64)]
"""Any string: a date, a ticket's number, a commit. Another one than before asks once more."""


class StoreKeys(Ruled):
    """The keys."""

    rules = (SOURCE, OVERLAP)
    rotate: Request | None = None
    """Any string; another one makes new keys, and the former stay valid for `overlapHours`."""
    revoke: Request | None = None
    """Any string; another one makes new keys, and no other is valid any more."""
    rotate_every: int | None = Field(None, ge=1, le=3650)
    """Days after which new keys are made by themselves."""
    overlap_hours: int | None = Field(None, ge=0, le=8760)
    """Hours for which former keys stay valid; omitted = 24."""
    secret_name: Name | None = None
    """A Secret of the store's namespace with keys to use instead of made ones: entries `read-write` and
    `read-only`, or one of them, a key of at least 16 characters per line."""

    @property
    def overlap(self) -> int:
        """Hours for which former keys stay valid."""
        return DEFAULT_OVERLAP_HOURS if self.overlap_hours is None else self.overlap_hours


class KeysStatus(Model):
    """Which keys there are; none of them is told here."""

    rotated_at: Moment | None = None
    """When those in force were made or exchanged, RFC 3339."""
    next_rotation: Moment | None = None
    """When the next will be made by themselves."""
    former_valid_until: Moment | None = None
    """When the last of the former keys ends."""
    rotate: Brief | None = None
    """The `rotate` that was carried out last."""
    revoke: Brief | None = None
    """The `revoke` that was carried out last."""
    secret_name: Brief | None = None
    """The Secret they come from, where they are not made."""
