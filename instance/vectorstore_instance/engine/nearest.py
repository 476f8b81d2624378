"""Which rows are nearest to a vector, by comparison with every one: what an index's answers are held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vectorstore_instance.engine.living import Row

Vector = NDArray[np.float32]


def vector_of(raw: bytes) -> Vector:
    """The vector in its bytes."""
    return np.frombuffer(raw, "<f4")


class Nearest:
    """The nearest rows to some vectors, of rows that come bit by bit."""

    def __init__(self, asked: Sequence[bytes], space: str, most: int) -> None:
        """
        Args:
            asked: vectors, float32 little-endian.
            space: Chroma's name of the measure: `l2` (squared), `cosine` or `ip`.
            most: rows for each.
        """
        self._asked = [vector_of(raw).astype(np.float64) for raw in asked]
        self._space = space
        self._most = most
        self._found: list[list[tuple[float, str]]] = [[] for _ in asked]

    def update(self, rows: Sequence[Row]) -> None:
        """Takes the next rows in; they have the dimension of the vectors."""
        if not self._asked:
            return
        matrix = np.stack([vector_of(raw) for _, raw in rows]).astype(np.float64)
        for vector, found in zip(self._asked, self._found, strict=True):
            distances = self._distances(vector, matrix)
            best = np.argsort(distances, kind="stable")[: self._most]
            found += [(float(distances[at]), rows[at][0]) for at in best]
            found.sort()
            del found[self._most :]

    def answers(self) -> list[list[tuple[float, str]]]:
        """Distance and id of the nearest rows to each vector, ascending."""
        return self._found

    def _distances(self, vector: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._space == "l2":
            return np.asarray(((matrix - vector) ** 2).sum(axis=1))
        products = matrix @ vector
        if self._space == "cosine":
            norms = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
            products = products / np.maximum(norms, 1e-30)  # as Chroma: a vector of zeros is at distance 1 of all
        return np.asarray(1.0 - products)
