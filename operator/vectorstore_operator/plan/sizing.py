"""The arithmetic behind plans: what a number of documents costs in memory and on disk.

Measured on Chroma 1.5.9 with 384-d vectors and documents of about 200 characters: 1.7 KiB of index
and 0.3 KiB of id maps in memory per vector, 1.7 KiB of index on disk, 1.8 KiB of SQLite, 2 KiB per
operation in the queue that vectors are replayed from. Longer vectors scale the part that is vector;
texts are reckoned at `TEXT` bytes, which full-text search stores about two and a half times.
"""

from __future__ import annotations

import math

from vectorstore_operator.quantity import GI, MI

FRONT = 64 * MI
ENGINE = 96 * MI
EMBEDDER = 256 * MI
"""fp32 MiniLM with the memory arena off, at its widest batch."""
BODIES = 256 * MI
"""What may be here at once of requests: four times the largest body."""
GROWTH = 1.2
"""The index grows by a fifth when it is full, and is copied to do so."""
FULL = 0.85
"""Past this share of its memory limit a store turns read-only: a healthy one stays below."""
TEXT = 1024
QUEUE_EDITIONS = 2
"""Operations kept per document, old editions counted, until the queue is compacted."""
SCRATCH = 16 * MI
"""The least room for temporary files."""
CHECKPOINTS = 2
"""Copies of the index beside the live one: the last, and the one being made."""


def memory_bytes(documents: int, dimension: int, *, embeds: bool) -> int:
    """Memory that one pod needs, in bytes, rounded up to 64 MiB."""
    vectors = documents * (512 + 4 * dimension) * GROWTH
    need = FRONT + ENGINE + (EMBEDDER if embeds else 0) + vectors
    return _round_up(need / FULL, 64 * MI)


def door_bytes(*, embeds: bool) -> int:
    """Memory that one pod needs before an engine elsewhere, in bytes, rounded up to 64 MiB."""
    need = FRONT + BODIES + (EMBEDDER if embeds else 0)
    return _round_up(need / FULL, 64 * MI)


def disk_bytes(documents: int, dimension: int) -> int:
    """Volume that one pod needs, in bytes, rounded up to 1 GiB."""
    tables = documents * (1536 + 2.5 * TEXT)
    queue = documents * (4 * dimension + TEXT + 512) * QUEUE_EDITIONS
    index = documents * (4 * dimension + 205) * (1 + CHECKPOINTS)
    vacuum = max(tables + queue, GI)
    return _round_up(tables + queue + index + vacuum, GI)


def most_documents(disk: int, dimension: int) -> int:
    """The most documents a volume of so many bytes can hold: `disk_bytes` turned round."""
    low, high = 0, disk // (4 * dimension)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if disk_bytes(middle, dimension) <= disk else (low, middle - 1)
    return low


def _round_up(count: float, step: int) -> int:
    return math.ceil(count / step) * step
