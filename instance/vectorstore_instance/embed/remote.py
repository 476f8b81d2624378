"""Any model behind an OpenAI-compatible endpoint: https://platform.openai.com/docs/api-reference/embeddings

Texts go in batches that small local servers take, too. Every answer is checked before anything is
stored: as many vectors as texts, in their order, of the store's dimension, all of them numbers. They
are stored as they come, normalised or not. Tokens are not known here, as each model has its own, so
lengths are estimated, and a text that is too long is refused by the endpoint.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vectorstore_instance.core.errors import invalid
from vectorstore_instance.embed.chunks import check_split, divide, share, slices
from vectorstore_instance.embed.endpoint import Clock, Endpoint, Refused, refused
from vectorstore_instance.embed.openai import read_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_TEXTS = 32
"""What text-embeddings-inference takes at most as it comes."""
BATCH_CHARACTERS = 64_000
PARALLEL = 4
"""Batches of one request under way at the same time; half of what the endpoint is sent at all."""

BYTES_PER_TOKEN = 3
"""An estimate on the safe side: English has four or more in the tokens of OpenAI's models, and a
character of Chinese, which is about one token, has three."""

OPENAI: dict[str, tuple[int, int]] = {
    "text-embedding-ada-002": (8191, 1536),
    "text-embedding-3-small": (8191, 1536),
    "text-embedding-3-large": (8191, 3072),
}
"""Tokens that these read, and the dimension of their vectors: https://platform.openai.com/docs/guides/embeddings"""
SHORTENED = frozenset({"text-embedding-3-small", "text-embedding-3-large"})
"""Models that make shorter vectors when asked."""


class RemoteEmbedder:
    """The `Embedder` of stores whose model is elsewhere."""

    def __init__(
        self, url: str, model: str, dimension: int, key_file: Path | None = None, clock: Clock | None = None
    ) -> None:
        """Connects to nothing yet.

        Args:
            url: base URL: `/embeddings` is under it.
            model: its name there.
            dimension: of its vectors.
            key_file: the key, read again when it changes; None: the endpoint wants none.
            clock: of retries and pauses.

        Raises:
            ValueError: the URL or the key's file is wrong; says how.
        """
        self._endpoint = Endpoint(url, key_file, clock or Clock())
        self._model = model
        self.dimension = dimension
        reads, makes = OPENAI.get(model, (None, None))
        self.max_tokens: int | None = reads
        self._options = {"dimensions": dimension} if model in SHORTENED and dimension != makes else {}
        self._base64 = True

    @property
    def loaded(self) -> bool:
        """Not in this process."""
        return False

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts, as long as the endpoint makes them: see `Embedder.embed`."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimension), np.float32)
        batches = slices([len(text) for text in texts], BATCH_TEXTS, BATCH_CHARACTERS)

        async def ask(part: slice) -> None:
            vectors[part] = await self._ask(texts[part])

        await share(batches, PARALLEL, ask)
        return vectors

    async def split(self, text: str, size: int, overlap: int) -> list[tuple[int, int]]:
        """Where to divide a text, its tokens estimated: see `Embedder.split`."""
        if self.max_tokens is not None:
            size = min(size, self.max_tokens)
        check_split(size, overlap)
        room, shared = (max(1, _characters(text, size)), _characters(text, overlap))
        return await divide(text, lambda segment: asyncio.to_thread(_split, segment, room, shared))

    async def readable(self, texts: list[str]) -> list[int]:
        """How much of each text is read, by an estimate: see `Embedder.readable`."""
        if self.max_tokens is None:
            raise invalid(f"truncate: how much {self._model} reads is not known here; send chunk=true or shorter texts")
        return [min(len(text), _characters(text, self.max_tokens)) for text in texts]

    async def close(self) -> None:
        """Closes the connections to the endpoint."""
        await self._endpoint.close()

    async def _ask(self, texts: list[str]) -> NDArray[np.float32]:
        most = (1 << 20) + len(texts) * self.dimension * 32  # a number in JSON has about 20 bytes
        try:
            answer = await self._endpoint.post(self._body(texts), most)
        except Refused as problem:
            if not self._base64:
                raise refused(problem) from None
            answer = await self._ask_for_numbers(texts, most)
        try:
            return read_vectors(answer, len(texts), self.dimension)
        except ValueError as problem:
            raise self._endpoint.useless(str(problem)) from None

    async def _ask_for_numbers(self, texts: list[str], most: int) -> bytes:
        """Once more without base64, which not every server knows; never again with it, where that was the cause."""
        try:
            answer = await self._endpoint.post(self._body(texts, base64=False), most)
        except Refused as problem:
            raise refused(problem) from None
        self._base64 = False
        return answer

    def _body(self, texts: list[str], base64: bool = True) -> bytes:
        form = "base64" if base64 and self._base64 else "float"
        return msgspec.json.encode({"input": texts, "model": self._model, "encoding_format": form, **self._options})


def _characters(text: str, tokens: int) -> int:
    """About how many of its characters have so many tokens."""
    return tokens * BYTES_PER_TOKEN * len(text) // max(1, len(text.encode()))


def _split(text: str, size: int, overlap: int) -> list[tuple[int, int]]:
    from semantic_text_splitter import TextSplitter

    found = TextSplitter(size, overlap=overlap).chunk_indices(text)
    return [(start, start + len(chunk)) for start, chunk in found]
