"""From the published weights to graphs that onnxruntime runs, once: no torch, no export tool.

    python -m vectorstore_instance.embed.convert OUT_DIR

The model is BERT (https://arxiv.org/abs/1810.04805) with the mean of its token vectors as the
sentence's, brought to unit length (https://arxiv.org/abs/1908.10084). Every step has an operator in
ONNX, so the graph is the definition written down: pooling and normalisation are inside, its output
is what is stored. The graph in int8 is that one with onnxruntime's own dynamic quantisation. Images
run this at build time, `vectorstore up` at the first start.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic
from safetensors.numpy import load_file

from vectorstore_instance.embed import weights
from vectorstore_instance.embed.weights import MINILM, ModelError, Release

OPSET = 23
"""The first with an operator for multi-head attention; `ir_version` is the one that belongs to it."""
IR_VERSION = 11

Weights = Mapping[str, NDArray[np.float32]]


def convert(release: Release, out: Path) -> None:
    """Makes `out` hold the converted release: graphs, tokenizer and record; nothing where it already does.

    Safe against another process that does the same: one waits for the other. A crash leaves no
    folder that counts as converted, as the record comes last and every file by a rename.

    Raises:
        ModelError: no proven weights, or `out` cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _alone(out):
            if not weights.is_converted(release, out):
                _convert(release, out)
    except OSError as problem:
        raise ModelError(f"{out}: {problem.strerror}; name a folder that can be written in MODEL_DIR") from problem


def _convert(release: Release, out: Path) -> None:
    files = weights.find(release, out)
    config = json.loads(files[weights.CONFIG].read_bytes())
    model = build(load_file(files[weights.WEIGHTS]), config)
    with _finished(out / weights.GRAPHS["fp32"]) as scratch:
        onnx.save(model, scratch)
    with _finished(out / weights.GRAPHS["int8"]) as scratch:
        _quantize(out / weights.GRAPHS["fp32"], scratch)
    if files[weights.TOKENIZER].parent != out:
        shutil.copyfile(files[weights.TOKENIZER], out / weights.TOKENIZER)
    weights.write_record(release, out)


@contextmanager
def _finished(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes the given one when all of it is on disk."""
    scratch = path.with_name(f"{path.name}.part")
    yield scratch
    with scratch.open("rb") as file:
        os.fsync(file.fileno())
    scratch.rename(path)


def _quantize(source: Path, out: Path) -> None:
    """The graph with its matrices and its vocabulary in int8, a scale for each of their columns.

    Other operators stay as they are: with all of them quantised, vectors are no longer near enough
    to those of float32 (cosine 0.94 instead of 0.99).
    """
    quantize_dynamic(source, out, op_types_to_quantize=["MatMul", "Gather"], per_channel=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(w: Weights, config: Mapping[str, Any]) -> onnx.ModelProto:
    """The graph: `input_ids` and `attention_mask`, int64 (batch, tokens) -> `sentence_embedding`,
    float32 (batch, hidden), unit length.

    Args:
        w: the weights by their published names.
        config: the published `config.json`.
    """
    g = _Graph(epsilon=config["layer_norm_eps"], heads=config["num_attention_heads"])
    # One segment only: its type's vector is added to every position's.
    positions = w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
    length = g.op("Shape", "input_ids", start=1, end=2)
    words = g.op("Gather", g.constant(w["embeddings.word_embeddings.weight"]), "input_ids")
    places = g.op("Slice", g.constant(positions), g.integers(0), length)
    x = g.norm(g.op("Add", words, places), w, "embeddings.LayerNorm")
    mask = _attention_mask(g, length)
    for layer in range(config["num_hidden_layers"]):
        x = _layer(g, w, f"encoder.layer.{layer}", x, mask)
    _pool(g, x)
    return g.model(config["hidden_size"])


def _attention_mask(g: _Graph, length: str) -> str:
    """Which token may look at which: (batch, 1, tokens, tokens), as onnxruntime wants the last two in full."""
    real = g.op("Unsqueeze", g.op("Cast", "attention_mask", to=TensorProto.BOOL), g.integers(1, 2))
    batch = g.op("Shape", "input_ids", start=0, end=1)
    return g.op("Expand", real, g.op("Concat", batch, g.integers(1), length, length, axis=0))


def _layer(g: _Graph, w: Weights, name: str, x: str, mask: str) -> str:
    query, key, value = (g.linear(x, w, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
    seen = g.op("Attention", query, key, value, mask, q_num_heads=g.heads, kv_num_heads=g.heads)
    seen = g.linear(seen, w, f"{name}.attention.output.dense")
    x = g.norm(g.op("Add", seen, x), w, f"{name}.attention.output.LayerNorm")
    thought = g.op("Gelu", g.linear(x, w, f"{name}.intermediate.dense"))
    thought = g.linear(thought, w, f"{name}.output.dense")
    return g.norm(g.op("Add", thought, x), w, f"{name}.output.LayerNorm")


def _pool(g: _Graph, x: str) -> None:
    """The mean over the real tokens, at unit length."""
    real = g.op("Unsqueeze", g.op("Cast", "attention_mask", to=TensorProto.FLOAT), g.integers(2))
    total = g.op("ReduceSum", g.op("Mul", x, real), g.integers(1), keepdims=0)
    count = g.op("ReduceSum", real, g.integers(1), keepdims=0)
    g.op("LpNormalization", g.op("Div", total, count), axis=-1, p=2, output="sentence_embedding")


class _Graph:
    """Operators and constants as they are written down; names are made up."""

    def __init__(self, epsilon: float, heads: int) -> None:
        self.heads = heads
        self._epsilon = epsilon
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []

    def constant(self, value: NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def linear(self, x: str, w: Weights, name: str) -> str:
        product = self.op("MatMul", x, self.constant(w[f"{name}.weight"].T))
        return self.op("Add", product, self.constant(w[f"{name}.bias"]))

    def norm(self, x: str, w: Weights, name: str) -> str:
        scale, bias = self.constant(w[f"{name}.weight"]), self.constant(w[f"{name}.bias"])
        return self.op("LayerNormalization", x, scale, bias, epsilon=self._epsilon)

    def model(self, hidden: int) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", hidden])
        graph = helper.make_graph(self._nodes, "sentence_embedding", inputs, [output], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model


def main() -> None:
    """Converts all-MiniLM-L6-v2 into a folder."""
    parser = argparse.ArgumentParser(prog="python -m vectorstore_instance.embed.convert", description=main.__doc__)
    parser.add_argument("out_dir", type=Path, help="folder to hold the graphs and tokenizer.json")
    try:
        convert(MINILM, parser.parse_args().out_dir)
    except ModelError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
