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
    max_tokens: int | None
    """The longest text it reads, in its own tokens, special ones included; None: not known here."""

    @property
    def loaded(self) -> bool:
        """Whether the model is in this process' memory; never, where an endpoint has it."""
        ...

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts, in their order: float32, shape (len(texts), dimension), unit length.

        Runs off the event loop; loads the model on first use.

        Raises:
            ApiError: 400 when a text is longer than the model reads; names which and by how much.
                503 when the model's files are missing or wrong; names which and the remedy.
                502, 503 or 504 when the endpoint that has the model does not do its work; says why.
        """
        ...

    async def split(self, text: str, size: int, overlap: int) -> list[tuple[int, int]]:
        """Where to divide a text into chunks that follow its sentences: `text[start:end]` for each.

        White space around a chunk belongs to none. No chunks where there is nothing else.

        Args:
            text: of any length.
            size: the most tokens of a chunk, special ones included; more than `max_tokens` is
                that. Where the tokens are not known here they are estimated by characters.
            overlap: the most tokens that a chunk has in common with the one before it.

        Raises:
            ApiError: 400 the overlap leaves no room; 503 as `embed`.
        """
        ...

    async def readable(self, texts: list[str]) -> list[int]:
        """How many characters of each text the model reads: all of them, or up to its last token.

        Raises:
            ApiError: 400 where that is not known here; 503 as `embed`.
        """
        ...

    async def close(self) -> None:
        """Ends what it holds: threads, memory, connections."""
        ...
