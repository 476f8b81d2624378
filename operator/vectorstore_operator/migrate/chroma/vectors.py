"""Numbers in JSON -> 32-bit floats bit for bit, and those -> what is sent.

Chroma writes the shortest decimal that means one float32. Read as a float64 and rounded it is that float again, but
where the float64 is exactly between two of them: 7.038531e-26 is such a one. Those few are settled by their text.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from vectorstore_operator.migrate.records import Vectors


def read(rows: Sequence[Sequence[float]]) -> Vectors:
    """Rows of equal length as float32.

    Raises:
        ValueError: they are of unequal length, or one is no list of numbers.
    """
    wide = np.array(rows, dtype=np.float64)
    if wide.ndim != 2:
        raise ValueError("vectors of different lengths")
    with np.errstate(over="ignore"):  # what float32 has no number for is refused where it is written
        narrow = wide.astype(np.float32)
        rest = wide - narrow
        beyond = np.nextafter(narrow, np.where(rest > 0, np.float32(np.inf), np.float32(-np.inf)), dtype=np.float32)
    torn = (rest != 0) & (rest == beyond.astype(np.float64) - wide)
    for at in zip(*np.nonzero(torn), strict=True):
        if float(str(beyond[at])) == wide[at]:
            narrow[at] = beyond[at]
    return narrow


def write(vectors: Vectors, packed: bool) -> list[str] | list[list[float]]:
    """What is sent: base64 of little-endian float32 where the server takes that, else numbers."""
    if not packed:
        numbers: list[list[float]] = vectors.tolist()
        return numbers
    return [base64.b64encode(row).decode() for row in np.ascontiguousarray(vectors, dtype="<f4")]
