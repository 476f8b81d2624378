"""Finding, proving, converting and running a model: on a tiny one of the published model's shape."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from math import erf
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.embed import chunks, convert, cpus, weights
from vectorstore_instance.embed.chunks import slices
from vectorstore_instance.embed.onnx import MiniLM
from vectorstore_instance.embed.weights import ModelError, Release

HIDDEN, INNER, HEADS, LAYERS = 384, 16, 12, 2
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnop"]
CONFIG = {"layer_norm_eps": 1e-12, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "hidden_size": HIDDEN}
MAX_TOKENS = 12


def make_weights() -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(7)

    def some(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.2, shape).astype(np.float32)

    made = {
        "embeddings.word_embeddings.weight": some(len(VOCABULARY), HIDDEN),
        "embeddings.position_embeddings.weight": some(32, HIDDEN),
        "embeddings.token_type_embeddings.weight": some(2, HIDDEN),
    }
    linear = {"attention.output.dense": (HIDDEN, HIDDEN), "intermediate.dense": (INNER, HIDDEN)}
    linear |= {"output.dense": (HIDDEN, INNER)}
    linear |= {f"attention.self.{part}": (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        for name, shape in linear.items():
            made[f"encoder.layer.{layer}.{name}.weight"] = some(*shape)
            made[f"encoder.layer.{layer}.{name}.bias"] = some(shape[0])
        norms += [f"encoder.layer.{layer}.{part}.LayerNorm" for part in ("attention.output", "output")]
    for name in norms:
        made |= {f"{name}.weight": 1 + some(HIDDEN), f"{name}.bias": some(HIDDEN)}
    return made


def make_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    # As in the published file: neither may survive.
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    return tokenizer


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a model is published."""
    folder = tmp_path_factory.mktemp("published")
    save_file(make_weights(), folder / weights.WEIGHTS)
    (folder / weights.CONFIG).write_text(json.dumps(CONFIG))
    make_tokenizer().save(str(folder / weights.TOKENIZER))
    return folder


@pytest.fixture(scope="module")
def release(published: Path) -> Release:
    return Release(
        name="tiny",
        repository="nobody/tiny",
        revision="0",
        wheel="no_such_wheel",
        max_tokens=MAX_TOKENS,
        digests={file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in published.iterdir()},
    )


def copy(source: Path, target: Path) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


@pytest.fixture(scope="module")
def converted(published: Path, release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy(published, tmp_path_factory.mktemp("converted") / "model")
    convert.convert(release, folder)
    return folder


@pytest.fixture
def model(converted: Path, release: Release) -> MiniLM:
    return MiniLM(converted, release=release, workers=1)


def reference(folder: Path, ids: list[int]) -> NDArray[np.float64]:
    """The vector of one text by the papers' formulas, token by token, without a mask or a batch."""
    w = {name: value.astype(np.float64) for name, value in load_file(folder / weights.WEIGHTS).items()}

    def linear(x: NDArray[Any], name: str) -> NDArray[Any]:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: NDArray[Any], name: str) -> NDArray[Any]:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    kinds = ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight")
    word, position, kind = (w[f"embeddings.{name}"] for name in kinds)
    x = norm(word[ids] + position[: len(ids)] + kind[0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        q, k, v = (linear(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        heads = []
        for columns in np.split(np.arange(HIDDEN), HEADS):
            scores = np.exp(q[:, columns] @ k[:, columns].T / np.sqrt(len(columns)))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v[:, columns])
        seen = linear(np.concatenate(heads, axis=-1), f"{name}.attention.output.dense")
        x = norm(seen + x, f"{name}.attention.output.LayerNorm")
        inner = linear(x, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
        x = norm(linear(inner, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


async def test_the_graph_computes_what_the_papers_define(model: MiniLM, published: Path) -> None:
    (vector,) = await model.embed(["a b c"])
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, reference(published, [2, 4, 5, 6, 3]), atol=2e-6)


async def test_vectors_are_in_order_and_the_same_alone_and_padded_in_a_batch(model: MiniLM) -> None:
    texts = ["a b c d e f g h", "c", "", "d e f", "p o n"] * 5
    together = await model.embed(texts)
    alone = np.concatenate([await model.embed([text]) for text in texts])
    assert together.shape == (25, 384)
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


async def test_in_int8_a_text_has_the_same_vector_to_the_last_bit_alone_and_among_others(
    converted: Path, release: Release
) -> None:
    model = MiniLM(converted, "int8", release=release, workers=2)
    texts = ["a b c d e f g h", "c", "", "d e f", "p o n"] * 5
    together = await model.embed(texts)
    alone = np.concatenate([await model.embed([text]) for text in texts])
    np.testing.assert_array_equal(together, alone)
    exact = await MiniLM(converted, release=release).embed(texts)
    assert (together * exact).sum(1).min() > 0.98
    assert not np.array_equal(together, exact)


async def test_several_workers_keep_texts_and_vectors_together(converted: Path, release: Release) -> None:
    texts = [" ".join("abcdefghij"[n % 10] for n in range(at, at + 1 + at % 9)) for at in range(100)]
    one, three = (MiniLM(converted, release=release, workers=workers) for workers in (1, 3))
    np.testing.assert_allclose(await three.embed(texts), await one.embed(texts), atol=1e-6)


async def test_no_texts_are_no_vectors(model: MiniLM) -> None:
    assert (await model.embed([])).shape == (0, 384)


async def test_the_longest_text_passes_and_a_longer_one_is_refused_with_its_place_and_size(model: MiniLM) -> None:
    await model.embed([" ".join("a" * (MAX_TOKENS - 2))])
    with pytest.raises(ApiError, match=r"text 1 .* has 13 tokens, and tiny reads 12 .*split") as refusal:
        await model.embed(["a", " ".join("a" * (MAX_TOKENS - 1)), "b"])
    assert refusal.value.status == 400
    with pytest.raises(ApiError, match=r"text 0 .* has 100001 characters"):
        await model.embed(["a" * 100_001])


async def test_a_short_question_does_not_wait_for_a_long_list(model: MiniLM) -> None:
    finished = []

    async def ask(name: str, texts: list[str]) -> None:
        await model.embed(texts)
        finished.append(name)

    await asyncio.gather(ask("list", ["a b c"] * 400), ask("question", ["a"]))
    assert finished == ["question", "list"]


class Idleness:
    """A clock that stands still until a test ends its time."""

    def __init__(self) -> None:
        self.waits: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, then: Callable[[], None]) -> Idleness:
        self.waits.append((seconds, then))
        return self

    def cancel(self) -> None:
        self.waits.pop()

    def end(self) -> None:
        ((_, then),) = self.waits
        self.waits.clear()
        then()


async def test_an_idle_model_is_unloaded_and_loaded_again_by_the_next_text(converted: Path, release: Release) -> None:
    clock = Idleness()
    model = MiniLM(converted, release=release, idle_seconds=7, later=clock.later)
    assert not model.loaded
    before = await model.embed(["a b c"])
    assert model.loaded
    assert [seconds for seconds, _ in clock.waits] == [7]
    clock.end()
    assert not model.loaded
    np.testing.assert_array_equal(await model.embed(["a b c"]), before)
    assert model.loaded
    await model.close()
    assert not clock.waits


async def test_a_request_under_way_keeps_the_model(converted: Path, release: Release) -> None:
    clock = Idleness()
    model = MiniLM(converted, release=release, workers=1, later=clock.later)
    await model.embed(["a"])
    long, short = asyncio.create_task(model.embed(["a b c"] * 400)), asyncio.create_task(model.embed(["a"]))
    await short
    assert not long.done()
    assert not clock.waits, "nobody waits for the end of a model in use"
    assert (await long).shape == (400, 384)
    clock.end()
    assert not model.loaded


async def test_chunks_that_would_be_no_passages_are_refused(model: MiniLM) -> None:
    with pytest.raises(ApiError, match=r"chunk_size: 12 tokens are no passage"):
        await model.split("a b c", 100, 0)


async def test_what_is_read_of_a_text_ends_with_its_last_token(model: MiniLM) -> None:
    longest = " ".join("a" * (MAX_TOKENS - 2))
    ends = await model.readable(["a b", longest, f"{longest} b c", ""])
    assert ends == [3, len(longest), len(longest), 0]
    await model.embed([f"{longest} b c"[: ends[2]]])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"pod/cpu.max": "max 100000"}, 8),
        ({"pod/cpu.max": "250000 100000"}, 2),
        ({"pod/cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "300000 100000", "pod/cpu.max": "max 100000"}, 3),
    ],
)
def test_there_are_as_many_workers_as_whole_cpus_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    (tmp_path / "pod").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text("0::/pod\n")
    assert cpus.threads(tmp_path, tmp_path / "own") == expected
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert cpus.threads(tmp_path, tmp_path / "own") == 1


async def test_a_text_of_any_length_is_divided_as_if_it_were_one_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"{n}. " for n in range(2000))
    sizes = []

    async def split(segment: str) -> list[tuple[int, int]]:
        sizes.append(len(segment))
        ends = [at + 1 for at, character in enumerate(segment) if character == "."]
        return list(zip([0, *(end + 1 for end in ends)], [*ends, len(segment)], strict=True))[: len(ends)]

    whole = await split(text)
    for segment in (100, 1000, len(text), 2 * len(text)):
        monkeypatch.setattr(chunks, "SEGMENT", segment)
        sizes.clear()
        assert await chunks.divide(text, split) == whole
        assert max(sizes) <= segment

    async def nothing(_: str) -> list[tuple[int, int]]:
        return []

    monkeypatch.setattr(chunks, "SEGMENT", 10)
    assert await chunks.divide(" " * 1000, nothing) == []


def test_slices_keep_within_count_and_budget_and_leave_nothing_out() -> None:
    assert list(slices([1] * 5, most=2, budget=100)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(slices([3, 3, 3, 9, 1], most=8, budget=6)) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5)]
    assert list(slices([], most=8, budget=6)) == []


def test_weights_that_are_not_the_published_ones_are_refused(published: Path, release: Release, tmp_path: Path) -> None:
    folder = copy(published, tmp_path / "model")
    changed = bytearray((folder / weights.WEIGHTS).read_bytes())
    changed[-1] ^= 1
    (folder / weights.WEIGHTS).write_bytes(changed)
    with pytest.raises(ModelError, match=r"model\.safetensors is not the published file: its SHA-256 is"):
        convert.convert(release, folder)
    assert not weights.is_converted(release, folder)


def test_a_folder_that_lacks_a_file_is_refused_by_its_name(published: Path, release: Release, tmp_path: Path) -> None:
    folder = copy(published, tmp_path / "model")
    (folder / weights.CONFIG).unlink()
    with pytest.raises(ModelError, match=r"config\.json: No such file"):
        convert.convert(release, folder)


@pytest.mark.parametrize("name", weights.GRAPHS.values())
def test_a_graph_that_was_removed_is_made_again(published: Path, release: Release, tmp_path: Path, name: str) -> None:
    folder = copy(published, tmp_path / "model")
    convert.convert(release, folder)
    (folder / name).unlink()
    assert not weights.is_converted(release, folder)
    convert.convert(release, folder)
    weights.prove_converted(release, folder, "fp32")
    weights.prove_converted(release, folder, "int8")


async def test_a_damaged_graph_is_not_loaded(converted: Path, release: Release, tmp_path: Path) -> None:
    folder = copy(converted, tmp_path / "model")
    with (folder / weights.GRAPHS["fp32"]).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ApiError, match=r"model\.onnx is not what was made of .* remove it") as refusal:
        await MiniLM(folder, release=release).embed(["a"])
    assert refusal.value.status == 503


def test_a_loaded_model_reports_to_nobody(converted: Path, tmp_path: Path) -> None:
    """onnxruntime's telemetry keeps a device id and a queue of reports in the home folder."""
    load = "import sys, pathlib, vectorstore_instance.embed.session as s; s.Model(pathlib.Path(sys.argv[1]))"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", load, str(converted)], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_without_folder_wheel_and_hub_the_error_says_what_to_do(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(ModelError, match=r"tiny could not be downloaded \(no route to host\); put .* into MODEL_DIR"):
        convert.convert(release, tmp_path / "model")


def test_the_hub_is_asked_for_the_pinned_revision(
    published: Path, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(repository: str, name: str, *, revision: str) -> str:
        asked.append((repository, revision))
        return str(published / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    convert.convert(release, tmp_path / "model")
    assert set(asked) == {("nobody/tiny", "0")}
    weights.prove_converted(release, tmp_path / "model", "fp32")


def test_a_conversion_that_was_cut_short_is_done_again(
    published: Path, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy(published, tmp_path / "model")

    def half(_: onnx.ModelProto, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(onnx, "save", half)
        with pytest.raises(ModelError, match="No space left"):
            convert.convert(release, folder)
    assert not weights.is_converted(release, folder)
    convert.convert(release, folder)
    weights.prove_converted(release, folder, "int8")


def test_two_conversions_into_one_folder_are_one(
    published: Path, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy(published, tmp_path / "model")
    built = []
    build = convert.build

    def counted(*args: Any) -> onnx.ModelProto:
        built.append(1)
        return build(*args)

    monkeypatch.setattr(convert, "build", counted)
    threads = [threading.Thread(target=convert.convert, args=(release, folder)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]
    weights.prove_converted(release, folder, "int8")


def test_a_folder_that_cannot_be_written_is_named(release: Release, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"file.*MODEL_DIR"):
        convert.convert(release, tmp_path / "file")
