"""Who may do what: keys from `KEYS_DIR`, known by their digests only.

A key file holds one key per line, or its digest (`sha256:` and the hex SHA-256 of its UTF-8 bytes);
every line is valid, which is how a key is rotated without a moment when none works. A pod sees the
digests alone; the plaintext stays in the tenant's own Secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import StrEnum
from pathlib import Path

from vectorstore_instance.core.watched import Watched


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


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest(key: str) -> str:
    """How a key file names a key without holding it."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """The keys of one instance, read again when their files change."""

    def __init__(self, folder: Path) -> None:
        """Reads the folder.

        Raises:
            ValueError: the folder is missing or holds no key for tenants; says what to do.
        """
        self._folder = folder
        self._digests = Watched([folder / role for role in Role], self._read)

    def role(self, key: str) -> Role | None:
        """The role of a key, or None for one that is not known; takes as long either way."""
        asked = digest(key)
        found = None
        for role, known in self._digests.current:
            if hmac.compare_digest(asked, known):
                found = role
        return found

    def _read(self) -> list[tuple[Role, str]]:
        keys = [(role, known) for role in Role for known in self._lines(role)]
        if not any(role.reads for role, _ in keys):
            raise ValueError(
                f"KEYS_DIR: {self._folder} has no key in read-write or read-only; write one per line, "
                "for instance: python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > read-write"
            )
        return keys

    def _lines(self, role: Role) -> list[str]:
        try:
            text = (self._folder / role).read_text()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as problem:
            raise ValueError(f"KEYS_DIR: {self._folder / role}: {problem}; write one key per line") from None
        keys = [line.strip() for line in text.splitlines() if line.strip()]
        return [key if _DIGEST.fullmatch(key) else digest(key) for key in keys]


def read_internal(folder: Path) -> str:
    """The plaintext key with which this pod asks the leader.

    Raises:
        ValueError: there is none; names the file.
    """
    try:
        return (folder / Role.INTERNAL).read_text().split()[0]
    except (OSError, IndexError):
        raise ValueError(f"KEYS_DIR: {folder / Role.INTERNAL} must hold the store's internal key") from None
