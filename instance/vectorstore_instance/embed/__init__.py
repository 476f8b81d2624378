"""Text to vectors: all-MiniLM-L6-v2 in this process, by onnxruntime and without torch.

`weights` finds the published files and proves them, `convert` turns them into an ONNX graph once,
`onnx` runs that graph. Importing this package loads none of the libraries behind it: an instance
that never embeds pays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
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
                503 when the model's files are missing or wrong; names which and the remedy.
        """
        ...
