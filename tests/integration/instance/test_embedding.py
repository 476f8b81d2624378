"""The published weights give the published similarities, however they come to this process."""

from __future__ import annotations

import base64
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.embed import weights
from vectorstore_instance.embed.onnx import MiniLM
from vectorstore_instance.embed.remote import RemoteEmbedder
from vectorstore_instance.embed.weights import MINILM

SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
PUBLISHED = [[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]]
"""https://sbert.net/docs/sentence_transformer/usage/usage.html"""

PASSAGES = [
    "The engine keeps an index of every vector in memory and writes it to disk now and then.",
    "Bread is baked from flour, water, salt and time.",
    "In the spring of that year the river rose above the bridge, and the village moved to the hill.",
    "A query answers with the nearest documents and their distances.",
    "She had never learned to sail, and still the sea was where she felt at home.",
    "Interest rates rose by half a percent after the bank's meeting on Thursday.",
    "To reset the password, open the settings, choose security and follow the steps.",
]


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


async def test_int8_is_near_fp32_and_the_same_alone_and_among_others(model: MiniLM, folder: Path) -> None:
    texts = [*SENTENCES, *PASSAGES]
    exact = await model.embed(texts)
    int8 = MiniLM(folder, "int8")
    vectors = await int8.embed(texts)
    assert (exact * vectors).sum(1).mean() >= 0.99
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[:3] @ vectors[:3].T, PUBLISHED, atol=0.03)
    alone = np.concatenate([await int8.embed([text]) for text in texts])
    np.testing.assert_array_equal(vectors, alone)


async def test_chunks_follow_sentences_and_the_models_own_tokens(model: MiniLM) -> None:
    text = "  " + " ".join(PASSAGES * 20) + "\n"
    ends = await model.split(text, 512, 0)
    chunks = [text[start:end] for start, end in ends]
    assert " ".join(chunks) == text.strip()
    assert all(chunk.endswith(".") for chunk in chunks)
    assert (await model.embed(chunks)).shape == (len(ends), 384), "a chunk never has more than the model reads"
    overlapping = await model.split(text, 64, 32)
    assert all(start < end for (_, end), (start, _) in itertools.pairwise(overlapping))
    assert await model.split(" \n", 64, 0) == []
    with pytest.raises(ApiError, match="overlap: 40 of 64 tokens"):
        await model.split(text, 64, 40)


async def test_a_long_text_cut_where_it_is_readable_is_read_to_its_last_token(model: MiniLM) -> None:
    text = "Uncharacteristically naïve cafés 你好 " * 100
    (end,) = await model.readable([text])
    await model.embed([text[:end]])
    with pytest.raises(ApiError, match="tokens"):
        await model.embed([text[: end + 20]])


async def test_an_endpoint_with_the_same_model_gives_the_same_vectors(model: MiniLM) -> None:
    async def embeddings(request: web.Request) -> web.Response:
        vectors = await model.embed((await request.json())["input"])
        data = [{"index": i, "embedding": base64.b64encode(v).decode()} for i, v in enumerate(vectors)]
        return web.json_response({"data": data})

    app = web.Application()
    app.router.add_post("/v1/embeddings", embeddings)
    texts = [f"{n}: {passage}" for n in range(20) for passage in PASSAGES]
    async with TestServer(app) as server:
        remote = RemoteEmbedder(str(server.make_url("/v1")), "all-MiniLM-L6-v2", 384)
        np.testing.assert_allclose(await remote.embed(texts), await model.embed(texts), atol=1e-6)
        await remote.close()


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


def test_unloading_gives_the_memory_back(folder: Path, model: MiniLM) -> None:
    """In a process of its own, as the memory of this one is everybody's."""
    script = """
import asyncio, pathlib, sys
from vectorstore_instance.embed.onnx import MiniLM

def mib():
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

async def main():
    ends = []
    model = MiniLM(pathlib.Path(sys.argv[1]), later=lambda _, end: ends.append(end))
    await model.embed(["word " * 200] * 16)
    loaded = mib()
    ends[-1]()
    await model.close()
    print(loaded - mib())

asyncio.run(main())
"""
    printed = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=True).stdout
    assert float(printed) > 86, "the size of its weights, in MiB"
