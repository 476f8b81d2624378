"""Text to vectors: all-MiniLM-L6-v2 in this process, by onnxruntime and without torch."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """What the text routes need of a model."""

    dimension: int
    """Length of a vector."""

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts, in their order: float32, shape (len(texts), dimension), unit length.

        Runs off the event loop; loads the model on first use.

        Raises:
            ApiError: 400 when a text is longer than the model reads; names which and by how much.
        """
        ...
