"""The model as onnxruntime runs it: texts to tokens, tokens to vectors. Synchronous, on the caller's thread."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vectorstore_instance.embed import weights
from vectorstore_instance.embed.weights import ModelError, Release
from vectorstore_instance.settings import Precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from semantic_text_splitter import TextSplitter
    from tokenizers import Tokenizer

    Tokens = NDArray[np.int64]
    """A text as the model reads it: token ids, [CLS] first and [SEP] last."""


class Model:
    """A loaded model. Several threads may use it at the same time."""

    def __init__(self, folder: Path, precision: Precision = "fp32") -> None:
        """Loads what `prepare` left there."""
        self._tokenizer = _open_tokenizer(folder / weights.TOKENIZER)
        self._session = _open_session(folder / weights.GRAPHS[precision])
        # It copies the tokenizer, which takes longer than to divide most texts.
        self._splitter = lru_cache(2)(self._make_splitter)
        # The scale of int8 numbers is that of all the texts of a run: together with others, a text would
        # get another vector.
        self._together = precision == "fp32"

    def encode(self, texts: list[str]) -> list[Tokens]:
        """The tokens of each text, however long it is."""
        import numpy as np

        return [np.array(encoding.ids, np.int64) for encoding in self._tokenizer.encode_batch_fast(texts)]

    def split(self, text: str, size: int, overlap: int) -> list[tuple[int, int]]:
        """Chunks of at most `size` tokens, [CLS] and [SEP] included: start and end in characters."""
        return [(start, start + len(chunk)) for start, chunk in self._splitter(size, overlap).chunk_indices(text)]

    def _make_splitter(self, size: int, overlap: int) -> TextSplitter:
        from semantic_text_splitter import TextSplitter

        room = size - self._tokenizer.num_special_tokens_to_add(is_pair=False)
        return TextSplitter.from_huggingface_tokenizer(self._tokenizer, room, overlap=overlap)

    def reach(self, text: str, most: int) -> int:
        """How many of the text's characters its first `most` tokens cover, [CLS] and [SEP] included."""
        encoding = self._tokenizer.encode(text)
        if len(encoding.ids) <= most:
            return len(text)
        return encoding.offsets[most - 2][1]

    def forward(self, tokens: list[Tokens]) -> NDArray[np.float32]:
        """Their vectors: float32, shape (len(tokens), hidden), unit length."""
        import numpy as np

        if not self._together and len(tokens) > 1:
            return np.concatenate([self._run([some]) for some in tokens])
        return self._run(tokens)

    def _run(self, tokens: list[Tokens]) -> NDArray[np.float32]:
        import numpy as np

        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, some in enumerate(tokens):
            ids[row, : len(some)] = some
            mask[row, : len(some)] = 1
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return cast("NDArray[np.float32]", vectors)


def prepare(release: Release, folder: Path, precision: Precision) -> None:
    """Makes the folder hold the proven, converted model; converts where it does not yet.

    Raises:
        ModelError: it cannot; says why and what to do.
    """
    if not weights.is_converted(release, folder):
        # A process of its own: what conversion needs (half a gigabyte at its peak) is gone with it.
        command = [sys.executable, "-m", "vectorstore_instance.embed.convert", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or [f"conversion ended with {done.returncode}"]
            raise ModelError(reason[0])
    weights.prove_converted(release, folder, precision)


def _open_tokenizer(path: Path) -> Tokenizer:
    # Read when the library is loaded: its own threads would compete with the engine's.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()  # the published file cuts at 128 tokens: a text is refused, never cut
    tokenizer.no_padding()
    return tokenizer


def _open_session(path: Path) -> InferenceSession:
    # It reports to its maker otherwise, by a thread that starts with the import.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # An idle store must not turn in a loop, nor keep the memory of its widest batch.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    if _overflows():
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _overflows() -> bool:
    """Whether this processor's fastest products of int8 overflow: x86 without VNNI.

    There a slower way gives the numbers that VNNI gives; with VNNI that way would take half as long again.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return True
    return "vnni" not in flags
