"""all-MiniLM-L6-v2 in this process: onnxruntime and the published tokenizer, on one thread of its own.

The model is loaded by the first text, so a store that never embeds stays small. One thread is as
fast as two for this model on few cores, and leaves the others to the engine. A request hands that
thread one small batch at a time and queues again for the next: a long list of documents takes turns
with short questions instead of holding them up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from vectorstore_instance.core.errors import ApiError, invalid, unavailable
from vectorstore_instance.embed import weights
from vectorstore_instance.embed.chunks import check_split
from vectorstore_instance.embed.session import Model, prepare
from vectorstore_instance.embed.weights import MINILM, ModelError, Release

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vectorstore_instance.embed.session import Tokens

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

BATCH_TEXTS = 8
BATCH_TOKENS = 512
"""A batch is at most so many texts and tokens. A larger one is no faster on a CPU: it takes more
memory at its peak and makes others wait longer."""

READ_TEXTS = 64
READ_CHARACTERS = 100_000
"""So much is read by the tokenizer at once. A single text above it is refused unread: it is far
beyond what a model of 256 tokens takes, and reading it costs many times its size in memory."""


class MiniLM:
    """The `Embedder` of stores whose model is all-MiniLM-L6-v2."""

    dimension = 384

    def __init__(self, folder: Path | None, release: Release = MINILM) -> None:
        """Loads nothing yet.

        Args:
            folder: MODEL_DIR: the converted model, the published files, or where to put the converted
                model; None is a folder in the user's cache.
            release: what must be there.
        """
        self._folder = folder or weights.default_folder()
        self._release = release
        self.max_tokens: int | None = release.max_tokens
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        self._model: Model | None = None

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts: see `Embedder.embed`."""
        model = await self._run(self._load)
        tokens = await self._tokenize(model, texts)
        return await self._infer(model, tokens)

    async def split(self, text: str, size: int, overlap: int) -> list[tuple[int, int]]:
        """Where to divide a text: see `Embedder.split`."""
        size = min(size, self._release.max_tokens)
        check_split(size, overlap)
        model = await self._run(self._load)
        return await self._run(model.split, text, size, overlap)

    async def readable(self, texts: list[str]) -> list[int]:
        """How much of each text is read: see `Embedder.readable`."""
        model = await self._run(self._load)
        return [await self._run(model.reach, text[:READ_CHARACTERS], self._release.max_tokens) for text in texts]

    async def close(self) -> None:
        """Ends the worker once it has done what was begun."""
        self._worker.shutdown(wait=False)

    async def _tokenize(self, model: Model, texts: list[str]) -> list[Tokens]:
        """Every text's tokens; all of them before the first is embedded, so that a refusal costs little."""
        sizes = [len(text) for text in texts]
        for index, size in enumerate(sizes):
            if size > READ_CHARACTERS:
                raise self._too_long(index, f"{size} characters")
        tokens: list[Tokens] = []
        for part in slices(sizes, READ_TEXTS, READ_CHARACTERS):
            tokens += await self._run(model.encode, texts[part])
            for index in range(part.start, part.stop):
                if len(tokens[index]) > self._release.max_tokens:
                    raise self._too_long(index, f"{len(tokens[index])} tokens")
        return tokens

    async def _infer(self, model: Model, tokens: list[Tokens]) -> NDArray[np.float32]:
        import numpy as np

        # Texts of a batch are padded to its longest: alike in length, they waste the least.
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
        vectors = np.empty((len(tokens), self.dimension), np.float32)
        for part in slices([len(tokens[index]) for index in order], BATCH_TEXTS, BATCH_TOKENS):
            chosen = order[part]
            vectors[chosen] = await self._run(model.forward, [tokens[index] for index in chosen])
        return vectors

    def _too_long(self, index: int, size: str) -> ApiError:
        return invalid(
            f"text {index} (counted from 0) has {size}, and {self._release.name} reads "
            f"{self._release.max_tokens} tokens, about 200 words, at most; split it into shorter texts"
        )

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Takes a turn on the worker's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, lambda: work(*args, **kwargs))

    def _load(self) -> Model:
        # On the worker's thread, hence by one request at a time.
        if self._model is None:
            try:
                prepare(self._release, self._folder)
            except ModelError as problem:
                log.error("the embedding model cannot be loaded: %s", problem)
                raise unavailable(f"the embedding model cannot be loaded: {problem}", retry_after=60) from problem
            self._model = Model(self._folder)
        return self._model


def slices(sizes: Sequence[int], most: int, budget: int) -> Iterator[slice]:
    """Consecutive parts of at most `most` items whose sizes sum to at most `budget`, or of one item."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and (index - start == most or total + size > budget):
            yield slice(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))
