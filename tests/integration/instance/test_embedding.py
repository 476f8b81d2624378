"""The published weights give the published similarities, however they come to this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.embed import weights
from vectorstore_instance.embed.onnx import MiniLM
from vectorstore_instance.embed.weights import MINILM

SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
PUBLISHED = [[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]]
"""https://sbert.net/docs/sentence_transformer/usage/usage.html"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted on demand from the installed wheel: what a first start does with an empty MODEL_DIR."""
    return tmp_path_factory.mktemp("cache") / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> MiniLM:
    return MiniLM(folder)


async def test_the_published_similarities_are_reproduced(model: MiniLM) -> None:
    vectors = await model.embed(SENTENCES)
    np.testing.assert_allclose(vectors @ vectors.T, PUBLISHED, atol=5e-5)


async def test_a_text_has_the_same_vector_alone_and_padded_in_a_batch(model: MiniLM) -> None:
    texts = [*SENTENCES, "Why? " * 80, "", "naïve café 你好"]
    together = await model.embed(texts)
    alone = np.concatenate([await model.embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


async def test_256_tokens_are_read_and_257_refused(model: MiniLM) -> None:
    await model.embed(["word " * 254])
    with pytest.raises(ApiError, match=r"text 0 .* has 257 tokens, and all-MiniLM-L6-v2 reads 256"):
        await model.embed(["word " * 255])


async def test_the_last_tokens_of_a_long_text_count(model: MiniLM) -> None:
    """The published tokenizer file cuts at 128 tokens; texts here are read to their end."""
    one, other = await model.embed(["word " * 200 + "stadium", "word " * 200 + "weather"])
    assert one @ other < 0.999


def test_the_command_converts_once_and_finds_it_done_the_second_time(folder: Path, model: MiniLM) -> None:
    command = [sys.executable, "-m", "vectorstore_instance.embed.convert", str(folder)]
    subprocess.run(command, check=True)
    made = (folder / weights.GRAPHS["fp32"]).stat()
    subprocess.run(command, check=True)
    assert (folder / weights.GRAPHS["fp32"]).stat().st_ino == made.st_ino
    weights.prove_converted(MINILM, folder, "int8")


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    (tmp_path / weights.WEIGHTS).write_bytes(b"other weights")
    command = [sys.executable, "-m", "vectorstore_instance.embed.convert", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not the published file" in done.stderr
    assert len(done.stderr.splitlines()) == 1
