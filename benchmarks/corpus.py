"""The data that every server gets: clustered unit vectors, documents of about 200 characters, three metadata keys."""

from __future__ import annotations

import base64
import json
import random

import numpy as np
from servers import DATABASE, PLAIN, Server

DIMENSION = 384
BATCH = 500
"""Rows in one request of `load`."""


def vectors(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Clustered unit vectors: the documents' and 256 queries'."""
    generator = np.random.default_rng(7)
    centres = generator.normal(size=(64, DIMENSION))
    rows = centres[generator.integers(0, 64, count + 256)] + 0.4 * generator.normal(size=(count + 256, DIMENSION))
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit[:count], unit[count:]


def body(part: np.ndarray, first: int, *, lists: bool = False) -> bytes:
    """An upsert of these vectors under the ids from `first` on; base64 as Chroma's client sends it, or lists."""
    chooser = random.Random(first)
    words = [f"word{n}" for n in range(500)]
    return json.dumps(
        {
            "ids": [f"id{first + i}" for i in range(len(part))],
            "embeddings": [v.tolist() if lists else base64.b64encode(v.tobytes()).decode() for v in part],
            "documents": [" ".join(chooser.choices(words, k=28)) for _ in part],
            "metadatas": [
                {"k": (first + i) % 100, "source": f"file{i % 7}", "score": i / 500} for i in range(len(part))
            ],
        }
    ).encode()


def collection(server: Server, name: str) -> str:
    """Makes a collection and returns its path."""
    made = json.loads(server.ask(f"{DATABASE}/collections", json.dumps({"name": name}).encode()))
    return f"{DATABASE}/collections/{made['id']}"


def load(server: Server, rows: np.ndarray, name: str = "benchmark") -> str:
    """Fills a collection and returns its path."""
    path = collection(server, name)
    for at in range(0, len(rows), BATCH):
        server.ask(f"{path}/upsert", body(rows[at : at + BATCH], at, lists=server.name == PLAIN))
    return path
