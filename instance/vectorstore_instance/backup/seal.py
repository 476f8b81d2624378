"""Encryption before an archive leaves, in age's format: https://age-encryption.org/v1

The format proves every 64 KiB and the end, so nothing can be altered, left out or cut off; and whoever has the
key reads it without us: `age -d -i KEYFILE NAME.tar.zst.age | tar --zstd -x`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyrage

from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.pipe import BLOCK, Pipe, Stream

SUFFIX = ".age"
FILE = "encryption-key"
_NO_KEY = "No matching keys"
"""What the library says where none of the keys is one that it was encrypted for."""


def identities(lines: str) -> list[Any]:
    """The keys of a key file; lines that begin with # count as none, as in age's own.

    Raises:
        Failure: `Invalid`: tells the line, never what is in it.
    """
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(pyrage.x25519.Identity.from_str(line.strip()))
            except pyrage.IdentityError:
                told = f"{FILE}: line {number} is no age identity (AGE-SECRET-KEY-1...); make one with age-keygen"
                raise Failure("Invalid", told) from None
    if not found:
        raise Failure("Invalid", f"{FILE}: there is no key in it; make one with age-keygen")
    return found


def encrypt(source: Stream, target: Pipe, keys: list[Any]) -> None:
    """Encrypts a stream for the first key.

    Raises:
        Exception: what reading or writing raised.
    """
    _through(source, target, lambda reader, writer: pyrage.encrypt_io(reader, writer, [keys[0].to_public()]))


def decrypt(source: Stream, target: Pipe, keys: list[Any]) -> None:
    """Decrypts a stream with whichever key fits. What was written is true; that it was all, the return says.

    Raises:
        Failure: `WrongKey`, `Corrupt`.
        Exception: what reading or writing raised.
    """
    try:
        _through(source, target, lambda reader, writer: pyrage.decrypt_io(reader, writer, keys))
    except (pyrage.DecryptError, OSError) as problem:
        if _NO_KEY in str(problem):
            told = f"{FILE}: none of its {len(keys)} keys is the one that the backup was encrypted for; add that one"
            raise Failure("WrongKey", told) from None
        told = "the object cannot be decrypted: it was altered or cut off; take another backup"
        raise Failure("Corrupt", told) from None


class _Reader:
    """Keeps what was raised in reading, of which the library makes something of its own."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.problem: Exception | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except Exception as problem:
            self.problem = problem
            raise


class _Writer:
    """Likewise in writing, and makes large blocks of small ones."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._gathered = bytearray()
        self.problem: Exception | None = None

    def write(self, block: bytes) -> int:
        self._gathered += block
        if len(self._gathered) >= BLOCK:
            self.flush()
        return len(block)

    def flush(self) -> None:
        block, self._gathered = bytes(self._gathered), bytearray()
        try:
            self._pipe.write(block)
        except Exception as problem:
            self.problem = problem
            raise


def _through(source: Stream, target: Pipe, work: Callable[[_Reader, _Writer], None]) -> None:
    reader, writer = _Reader(source), _Writer(target)
    try:
        work(reader, writer)
        writer.flush()
    except Exception:
        if found := reader.problem or writer.problem:
            raise found from None
        raise
