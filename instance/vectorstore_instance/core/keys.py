"""Who may do what: keys from `KEYS_DIR`, known by their digests only.

A key file holds one key per line, or its digest (`sha256:` and the hex SHA-256 of its UTF-8 bytes);
every line is valid, which is how a key is rotated without a moment when none works. A pod sees the
digests alone; the plaintext stays in the tenant's own Secret. The file `generation`, where there is
one, numbers the editions of the folder for those who push keys ahead of it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vectorstore_instance.core.exchange import Caller
from vectorstore_instance.core.roles import Role
from vectorstore_instance.core.watched import Editions, Watched

_MARK = "sha256:"
DIGEST = re.compile(f"{_MARK}[0-9a-f]{{64}}")
"""How a digest is written."""

_GENERATION = "generation"
_PREFIX = 16
_NOBODY = (bytes(32), None)


def digest(key: str) -> str:
    """How a key file names a key without holding it."""
    return _MARK + hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True)
class Keyring:
    """One edition of a store's keys."""

    generation: int
    digests: Mapping[Role, frozenset[str]]
    """Of each role, as `digest` makes them."""

    @cached_property
    def callers(self) -> dict[bytes, tuple[bytes, Caller]]:
        """Digest and caller by the first bytes of the digest; a key in several files has its highest role."""
        each = [(role, bytes.fromhex(text[7:])) for role in Role for text in self.digests.get(role, ())]
        return {raw[:_PREFIX]: (raw, Caller(role, f"{role}:{raw.hex()[:8]}")) for role, raw in each}

    @property
    def opens(self) -> bool:
        """Whether it has a key for tenants."""
        return any(role.reads and role is not Role.INTERNAL and keys for role, keys in self.digests.items())


class Keys:
    """The keys of one instance: those in its files, read again when they change, or newer ones that were pushed."""

    def __init__(self, folder: Path) -> None:
        """Reads the folder.

        Raises:
            ValueError: the folder is missing or holds no key for tenants; says what to do.
        """
        self._folder = folder
        self.editions = Editions([folder / name for name in (_GENERATION, *Role)], self._read)

    def caller(self, key: bytes) -> Caller | None:
        """Whose key this is, or None for one that is not known; takes as long either way.

        It is looked up by its SHA-256, so how long that takes says nothing about keys that are valid:
        nobody can choose the bytes that are compared.
        """
        asked = hashlib.sha256(key).digest()
        known, caller = self.editions.current.callers.get(asked[:_PREFIX], _NOBODY)
        return caller if hmac.compare_digest(asked, known) else None

    def role(self, key: str) -> Role | None:
        """The role of a key, or None for one that is not known."""
        caller = self.caller(key.encode())
        return caller.role if caller else None

    def _read(self) -> Keyring:
        # The number first: files that are exchanged meanwhile are then at worst newer than it says, and read again.
        generation = self._generation()
        keyring = Keyring(generation, {role: frozenset(self._lines(role)) for role in Role})
        if not keyring.opens:
            raise ValueError(
                f"KEYS_DIR: {self._folder} has no key in read-write or read-only; write one per line, "
                "for instance: python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > read-write"
            )
        return keyring

    def _generation(self) -> int:
        lines = self._text(_GENERATION).split() or ["0"]
        if len(lines) > 1 or not lines[0].isdecimal():
            raise ValueError(f"KEYS_DIR: {self._folder / _GENERATION} must hold one number, and grow with each change")
        return int(lines[0])

    def _lines(self, role: Role) -> list[str]:
        keys = [line.strip() for line in self._text(role).splitlines() if line.strip()]
        if any(key.startswith(_MARK) and not DIGEST.fullmatch(key) for key in keys):
            # Taken for a key, it would open the store to whoever sees this file.
            raise ValueError(f"KEYS_DIR: {self._folder / role}: {_MARK} must be followed by 64 digits of 0-9 and a-f")
        return [key if DIGEST.fullmatch(key) else digest(key) for key in keys]

    def _text(self, name: str) -> str:
        try:
            return (self._folder / name).read_text()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as problem:
            raise ValueError(f"KEYS_DIR: {self._folder / name}: {problem}; write one key per line") from None


def read_internal(folder: Path) -> str:
    """The plaintext key with which this pod asks the leader.

    Raises:
        ValueError: there is none; names the file.
    """
    try:
        return (folder / Role.INTERNAL).read_text().split()[0]
    except (OSError, UnicodeDecodeError, IndexError):
        raise ValueError(f"KEYS_DIR: {folder / Role.INTERNAL} must hold the store's internal key") from None


def internal_headers(folder: Path) -> Watched[dict[str, str]]:
    """The headers that bear this key, read again when the file changes."""
    return Watched([folder / Role.INTERNAL], lambda: {"x-chroma-token": read_internal(folder)})
