"""A checksum of rows that does not depend on files: the same rows give the same, in any index and any store.

SHA-256 over the rows in ascending order of their ids' UTF-8 bytes; of each row the id's length in bytes, the
id, the vector's length in bytes and the vector. Lengths are 32 bits, vectors float32, all little-endian.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

_LENGTH = struct.Struct("<I")

Row = tuple[str, bytes]
"""An id and its vector, float32 little-endian."""


class RowDigest:
    """The checksum of rows that come bit by bit."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self._last = b""
        self.count = 0
        """Rows so far."""

    def update(self, rows: Iterable[Row]) -> None:
        """Takes the next rows in.

        Raises:
            ValueError: one does not come after the one before it.
        """
        parts: list[bytes] = []
        for id_, vector in rows:
            key = id_.encode()
            if key <= self._last and self.count:
                raise ValueError(f"the rows are not in the order of their ids: {id_!r}")
            self._last = key
            self.count += 1
            parts += (_LENGTH.pack(len(key)), key, _LENGTH.pack(len(vector)), vector)
        self._sum.update(b"".join(parts))

    def hexdigest(self) -> str:
        """The checksum of all rows so far, in hexadecimal digits."""
        return self._sum.hexdigest()
