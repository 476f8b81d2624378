"""all-MiniLM-L6-v2 in this process: onnxruntime and the published tokenizer, on one thread of its own.

The model is loaded by the first text (half a second; about 120 MiB), so a store that never embeds
stays small. One thread is as fast as two for this model on few cores, and leaves the others to the
engine. A request hands it one small batch at a time and queues again for the next: a long list of
documents takes turns with short questions instead of holding them up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vectorstore_instance.core.errors import invalid, unavailable
from vectorstore_instance.embed import weights
from vectorstore_instance.embed.weights import MINILM, ModelError, Release

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    Tokens = NDArray[np.int64]

log = logging.getLogger(__name__)
T = TypeVar("T")

BATCH_TEXTS = 8
BATCH_TOKENS = 512
"""A batch is at most so many texts and tokens. Larger ones are no faster on a CPU: they only take
more memory (its peak grows with both) and make others wait."""

CHARACTERS = 100_000
"""Far beyond what 256 tokens can be; a text above it is refused unread, as reading it takes 100 bytes per character."""


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
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        self._tokenizer: Tokenizer | None = None
        self._session: InferenceSession | None = None

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts: see `Embedder.embed`."""
        await self._run(self._load)
        tokens = await self._tokenize(texts)
        return await self._infer(tokens)

    async def _tokenize(self, texts: list[str]) -> list[Tokens]:
        """Every text's tokens; all of them before the first is embedded, so that one refusal costs nothing."""
        for index, text in enumerate(texts):
            if len(text) > CHARACTERS:
                raise self._too_long(index, f"{len(text)} characters")
        tokens: list[Tokens] = []
        for part in _slices([len(text) for text in texts], 64, CHARACTERS):
            tokens += await self._run(lambda part=part: self._encode(texts[part]))
            self._check(tokens, since=part.start)
        return tokens

    async def _infer(self, tokens: list[Tokens]) -> NDArray[np.float32]:
        import numpy as np

        # Alike in length: the shorter ones of a batch are padded to its longest.
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        vectors = np.empty((len(tokens), self.dimension), np.float32)
        for part in _slices([len(tokens[i]) for i in order], BATCH_TEXTS, BATCH_TOKENS):
            chosen = order[part]
            vectors[chosen] = await self._run(lambda chosen=chosen: self._forward([tokens[i] for i in chosen]))
        return vectors

    def _check(self, tokens: list[Tokens], since: int) -> None:
        for index in range(since, len(tokens)):
            if len(tokens[index]) > self._release.max_tokens:
                raise self._too_long(index, f"{len(tokens[index])} tokens")

    def _too_long(self, index: int, size: str) -> Exception:
        return invalid(
            f"text {index} (counted from 0) has {size} and {self._release.name} reads {self._release.max_tokens} "
            "tokens, about 200 words, at most; split it into shorter texts"
        )

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    # What follows runs on the worker thread, one call at a time.

    def _load(self) -> None:
        if self._session is not None:
            return
        try:
            prepare(self._release, self._folder)
        except ModelError as problem:
            log.error("the embedding model cannot be loaded: %s", problem)
            raise unavailable(f"the embedding model cannot be loaded: {problem}", retry_after=60) from problem
        self._tokenizer = _open_tokenizer(self._folder / weights.TOKENIZER)
        self._session = _open_session(self._folder / weights.GRAPH)

    def _encode(self, texts: list[str]) -> list[Tokens]:
        import numpy as np

        assert self._tokenizer is not None
        return [np.array(encoding.ids, np.int64) for encoding in self._tokenizer.encode_batch_fast(texts)]

    def _forward(self, tokens: list[Tokens]) -> NDArray[np.float32]:
        import numpy as np

        assert self._session is not None
        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, some in enumerate(tokens):
            ids[row, : len(some)] = some
            mask[row, : len(some)] = 1
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return vectors


def prepare(release: Release, folder: Path) -> None:
    """Makes the folder hold the proven, converted model; converts where it does not yet.

    Raises:
        ModelError: it cannot; says why and what to do.
    """
    if not weights.is_converted(release, folder):
        # A process of its own: what conversion needs (half a gigabyte at its peak) is gone with it.
        command = [sys.executable, "-m", "vectorstore_instance.embed.convert", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise ModelError(reason[0])
    weights.prove_converted(release, folder)


def _slices(sizes: Sequence[int], most: int, budget: int) -> Iterator[slice]:
    """Consecutive parts of at most `most` items whose sizes sum to at most `budget`, or of one item."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and (index - start == most or total + size > budget):
            yield slice(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))


def _open_tokenizer(path: Path) -> Tokenizer:
    # Read when the library is loaded: its own threads would compete with the engine's.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()  # the published file cuts at 128 tokens: a text is refused, never cut
    tokenizer.no_padding()
    return tokenizer


def _open_session(path: Path) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # An idle store must not turn in a loop, nor keep the memory of its widest batch.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
