"""A file's text to chunks: divided at sentences, by the model's own tokens, each with where it was."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from vectorstore_instance.documents import parse
from vectorstore_instance.documents.kinds import Unreadable
from vectorstore_instance.embed import Embedder

T = TypeVar("T")

MOST = 1_000_000
"""Chunks of one file."""
_TOGETHER = 64
"""Lines read by one turn of a thread."""


class Chunk(msgspec.Struct, omit_defaults=True):
    """A passage of a file."""

    text: str
    offset: int
    """Characters before it on its page, in its row, or in the file's text."""
    page: int | None = None
    row: int | None = None


async def chunk(pieces: Path, out: Path, embedder: Embedder, size: int, overlap: int) -> tuple[int, list[str]]:
    """Divides a file's pieces into a file of chunks, durable when this returns.

    Args:
        pieces: what `parse` wrote.
        out: where the chunks go, a line of JSON each.
        embedder: the model whose tokens count.
        size: tokens of a chunk at most.
        overlap: tokens that a chunk has in common with the one before it.

    Returns:
        How many chunks there are, and the notes about the file.

    Raises:
        Unreadable: there is no text in it, or too much.
        ApiError: as `Embedder.split`.
    """
    total, notes = 0, []
    lines = parse.read(pieces)
    with out.open("wb") as file:
        while part := await asyncio.to_thread(take, lines, _TOGETHER):
            for line in part:
                if line.note:
                    notes.append(line.note)
                    continue
                ends = await embedder.split(line.text, size, overlap)
                total += len(ends)
                chunks = [Chunk(line.text[a:b], line.offset + a, line.page, line.row) for a, b in ends]
                file.write(b"".join(msgspec.json.encode(each) + b"\n" for each in chunks))
            if total > MOST:
                raise Unreadable(f"it makes more than {MOST:,} chunks; split it into smaller files")
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    if not total:
        raise Unreadable("there is no text in it")
    return total, notes


def read(path: Path, first: int) -> Iterator[Chunk]:
    """The chunks of such a file, from one on."""
    decoder = msgspec.json.Decoder(Chunk)
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number >= first:
                yield decoder.decode(line)


def revision(upload: Path, *parts: object) -> str:
    """Tells a file's content, divided in this way, from any other: 16 hex digits."""
    with upload.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
    found.update(repr(parts).encode())
    return found.hexdigest()[:16]


def take(items: Iterator[T], count: int) -> list[T]:
    """The next so many."""
    return list(islice(items, count))
