"""What a caller may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a key allows; also the name of its file."""

    READ_ONLY = "read-only"
    READ_WRITE = "read-write"
    INTERNAL = "internal"
    """Pods of the same store among themselves: everything a tenant may do."""
    ADMIN = "admin"
    """The admin surface of the management port, and nothing of the tenant's data."""

    @property
    def reads(self) -> bool:
        """Whether the tenant's data may be read."""
        return self is not Role.ADMIN

    @property
    def writes(self) -> bool:
        """Whether the tenant's data may be changed."""
        return self in (Role.READ_WRITE, Role.INTERNAL)
