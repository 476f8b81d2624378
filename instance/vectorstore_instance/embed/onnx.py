"""all-MiniLM-L6-v2 in this process: onnxruntime and the published tokenizer, on threads of their own.

The model is loaded by the first text and unloaded when it is not used any more, so a store that does
not embed stays small. Each worker computes on one thread, for two are no faster for a model this
small; there are as many as the process has CPUs. A request hands each of them one small batch at a
time and queues again for the next: a long list of documents takes turns with short questions instead
of holding them up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from vectorstore_instance.core.errors import ApiError, invalid, unavailable
from vectorstore_instance.embed import weights
from vectorstore_instance.embed.chunks import check_split, divide, share, slices
from vectorstore_instance.embed.cpus import threads
from vectorstore_instance.embed.resident import Later, Resident, call_later
from vectorstore_instance.embed.session import Model, prepare
from vectorstore_instance.embed.weights import MINILM, ModelError, Release
from vectorstore_instance.settings import Precision

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

QUESTION_CHARACTERS = 2000
"""A single text up to this is read and embedded in one turn."""

READ_TEXTS = 64
READ_CHARACTERS = 100_000
"""So much is read by the tokenizer at once. A single text above it is refused unread: it is far
beyond what a model of 256 tokens takes, and reading it costs many times its size in memory."""


class MiniLM:
    """The `Embedder` of stores whose model is all-MiniLM-L6-v2 and runs here."""

    dimension = 384

    def __init__(
        self,
        folder: Path | None,
        precision: Precision = "fp32",
        *,
        release: Release = MINILM,
        idle_seconds: float = 600,
        workers: int | None = None,
        later: Later = call_later,
    ) -> None:
        """Loads nothing yet.

        Args:
            folder: MODEL_DIR: the converted model, the published files, or where to put the converted
                model; None is a folder in the user's cache.
            precision: how it computes.
            release: what must be there.
            idle_seconds: so long after the last text the model is unloaded.
            workers: how many texts, or small batches, are embedded at the same time; None: as many
                as there are CPUs for this process.
            later: the clock of `idle_seconds`.
        """
        self._folder = folder or weights.default_folder()
        self._precision = precision
        self._release = release
        self.max_tokens: int | None = release.max_tokens
        self._workers = workers or threads()
        self._executor = ThreadPoolExecutor(self._workers, thread_name_prefix="embed")
        self._resident = Resident(self._load, self._executor, idle_seconds, later)

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._resident.loaded

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts: see `Embedder.embed`."""
        async with self._resident.use() as model:
            if len(texts) == 1 and len(texts[0]) <= QUESTION_CHARACTERS:
                return await self._run(self._embed_one, model, texts)
            return await self._infer(model, await self._tokenize(model, texts))

    async def split(self, text: str, size: int, overlap: int) -> list[tuple[int, int]]:
        """Where to divide a text: see `Embedder.split`."""
        size = min(size, self._release.max_tokens)
        check_split(size, overlap)
        async with self._resident.use() as model:
            return await divide(text, lambda segment: self._run(model.split, segment, size, overlap))

    async def readable(self, texts: list[str]) -> list[int]:
        """How much of each text is read: see `Embedder.readable`."""
        most = self._release.max_tokens
        async with self._resident.use() as model:
            return [await self._run(model.reach, text[:READ_CHARACTERS], most) for text in texts]

    async def close(self) -> None:
        """Ends the workers once they have done what was begun."""
        self._resident.keep()
        await asyncio.to_thread(self._executor.shutdown)

    def _embed_one(self, model: Model, texts: list[str]) -> NDArray[np.float32]:
        """All of it in one turn: a question waits for a worker once."""
        return model.forward(self._encode(model, texts, 0))

    async def _tokenize(self, model: Model, texts: list[str]) -> list[Tokens]:
        """Every text's tokens; all of them before the first is embedded, so that a refusal costs little."""
        sizes = [len(text) for text in texts]
        for index, size in enumerate(sizes):
            if size > READ_CHARACTERS:
                raise self._too_long(index, f"{size} characters")
        tokens: list[Tokens] = []
        for part in slices(sizes, READ_TEXTS, READ_CHARACTERS):
            tokens += await self._run(self._encode, model, texts[part], part.start)
        return tokens

    def _encode(self, model: Model, texts: list[str], first: int) -> list[Tokens]:
        tokens = model.encode(texts)
        for index, some in enumerate(tokens, first):
            if len(some) > self._release.max_tokens:
                raise self._too_long(index, f"{len(some)} tokens")
        return tokens

    async def _infer(self, model: Model, tokens: list[Tokens]) -> NDArray[np.float32]:
        import numpy as np

        # Texts of a batch are padded to its longest: alike in length, they waste the least.
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
        vectors = np.empty((len(tokens), self.dimension), np.float32)
        batches = slices([len(tokens[index]) for index in order], BATCH_TEXTS, BATCH_TOKENS)

        async def forward(part: slice) -> None:
            chosen = order[part]
            vectors[chosen] = await self._run(model.forward, [tokens[index] for index in chosen])

        await share(batches, self._workers, forward)
        return vectors

    def _too_long(self, index: int, size: str) -> ApiError:
        return invalid(
            f"text {index} (counted from 0) has {size}, and {self._release.name} reads "
            f"{self._release.max_tokens} tokens, about 200 words, at most; split it into shorter texts, "
            "or have it done with chunk=true or truncate=true"
        )

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Takes a turn on a worker's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*args, **kwargs))

    def _load(self) -> Model:
        try:
            prepare(self._release, self._folder, self._precision)
        except ModelError as problem:
            log.error("the embedding model cannot be loaded: %s", problem)
            raise unavailable(f"the embedding model cannot be loaded: {problem}", retry_after=60) from problem
        return Model(self._folder, self._precision)
