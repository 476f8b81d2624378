"""Whether records are equal: bit for bit, but for what Chroma itself does not keep so.

Two things come out of Chroma 1.5.9 other than they went in, measured over its API and within a process alike:

- In a cosine space vectors are kept scaled to length 1, and scaled back when they are read: components are off by up to
  1e-7 of a vector's length.
- A float of metadata whose shortest decimal has 16 or 17 digits may be off in the last of its 53 bits: its JSON parser
  rounds twice. 90.33333333333333 becomes 90.33333333333331. Releases before 1.0 did not.

So an engine is held to that much, and files to every bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vectorstore_operator.migrate.records import Collection, Records, Vectors

SCALED = 1e-6
"""So far components may be off, of a vector's length, in a cosine space."""
ROUNDED = 1e-15
"""So far floats of metadata may be off, of their value."""


@dataclass
class Comparison:
    """Compares records of the same ids, and remembers how far apart any were that count as equal."""

    scaled: bool = False
    """Whether vectors may be off as in a cosine space."""
    rounded: bool = False
    """Whether floats of metadata may be off."""
    vectors: float = field(default=0.0)
    """The greatest such difference of a vector's component, by its length."""
    floats: float = field(default=0.0)
    """The greatest such difference of a float, by its value."""

    def alike(self, left: Records, right: Records) -> list[bool]:
        """Which records, in the same order, are equal."""
        if left.vectors.shape != right.vectors.shape:
            return [False] * len(left)
        near = self._near(left, right)
        contents = zip(left.contents(), right.contents(), strict=True)
        return [
            close and (one == other or (self.rounded and self._close(left.take([at]), right.take([at]))))
            for at, (close, (one, other)) in enumerate(zip(near, contents, strict=True))
        ]

    def _near(self, left: Records, right: Records) -> list[bool]:
        if not self.scaled:
            return [one == other for one, other in zip(left.bits(), right.bits(), strict=True)]
        off = deviations(left.vectors, right.vectors)
        near = off <= SCALED
        self.vectors = max(self.vectors, float(off[near].max(initial=0.0)))
        found: list[bool] = near.tolist()
        return found

    def _close(self, left: Records, right: Records) -> bool:
        """Whether one record is equal but for the last bits of its floats."""
        if (*left.documents, *left.uris) != (*right.documents, *right.uris):
            return False
        one, other = left.metadatas[0] or {}, right.metadatas[0] or {}
        return one.keys() == other.keys() and self._value([*one.values()], [other[key] for key in one])

    def _value(self, one: Any, other: Any) -> bool:
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(self._value, one, other))
        if type(one) is not type(other):
            return False
        if not isinstance(one, float):
            return bool(one == other)
        off = float(abs(one - other) / (abs(one) or 1.0))
        self.floats = max(self.floats, off if off <= ROUNDED else 0.0)
        return off <= ROUNDED


def as_engine(collection: Collection) -> Comparison:
    """What an engine's collection is held to."""
    return Comparison(scaled=collection.space == "cosine", rounded=True)


def deviations(left: Vectors, right: Vectors) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How far vectors are apart: the greatest difference of a component, by the length of the left one."""
    wide = left.astype(np.float64)
    length = np.linalg.norm(wide, axis=1)
    apart = np.abs(wide - right).max(axis=1, initial=0.0)
    relative: np.ndarray[Any, np.dtype[np.float64]] = np.divide(apart, length, out=apart.copy(), where=length > 0)
    return relative
