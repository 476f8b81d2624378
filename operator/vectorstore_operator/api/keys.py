"""A store's keys: when new ones are made, how long the former stay valid, or where they come from instead."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from vectorstore_operator.api.base import Model, Name, Rule, cel

SOURCE_RULE = Rule(
    rule="!has(self.secretName) || (!has(self.rotate) && !has(self.revoke) && !has(self.rotateEvery))",
    message="secretName does not go together with rotate, revoke and rotateEvery: exchange the keys in that Secret",
)
OVERLAP_RULE = Rule(
    rule="!has(self.overlapHours) || !has(self.rotateEvery) || self.overlapHours <= self.rotateEvery * 24",
    message="overlapHours is longer than rotateEvery days; lower it",
)

DEFAULT_OVERLAP_HOURS = 24

Request = Annotated[str, Field(min_length=1, max_length=64)]
"""Any string: a date, a ticket's number, a commit. Another one than before asks once more."""


class StoreKeys(Model):
    """The keys."""

    model_config = ConfigDict(json_schema_extra=cel(SOURCE_RULE, OVERLAP_RULE))
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.secret_name and (self.rotate or self.revoke or self.rotate_every):
            raise ValueError(SOURCE_RULE.message)
        if self.overlap_hours and self.rotate_every and self.overlap_hours > self.rotate_every * 24:
            raise ValueError(OVERLAP_RULE.message)
        return self


class KeysStatus(Model):
    """Which keys there are; none of them is told here."""

    rotated_at: str | None = None
    """When those in force were made or exchanged, RFC 3339."""
    next_rotation: str | None = None
    """When the next will be made by themselves."""
    former_valid_until: str | None = None
    """When the last of the former keys ends."""
    rotate: str | None = None
    """The `rotate` that was carried out last."""
    revoke: str | None = None
    """The `revoke` that was carried out last."""
    secret_name: str | None = None
    """The Secret they come from, where they are not made."""
