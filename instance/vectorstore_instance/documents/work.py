"""What is done with one file: fetched, parsed and divided; then embedded and stored, then its old self deleted.

Every step may be done again. What is away for a moment is waited for, and the reason can be read
meanwhile; what will not get better by waiting ends the file, and keeps what is stored of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.documents import chunk
from vectorstore_instance.documents.fetch import Rules, fetch
from vectorstore_instance.documents.ledger import File, Ledger
from vectorstore_instance.documents.parse import parse
from vectorstore_instance.documents.store import Store
from vectorstore_instance.embed import Embedder
from vectorstore_instance.engine import Engine

T = TypeVar("T")

BATCH = 64
"""Chunks embedded and stored together, and what is done again at most after a kill."""
PATIENCE = 1800.0
"""Seconds that a file waits for an engine or a model that is away."""
_PAUSE, _LONGEST = 1.0, 30.0
_AWAY = (502, 503, 504)


@dataclass
class Work:
    """The work on files of one instance."""

    folder: Path
    ledger: Ledger
    engine: Engine
    embedder: Embedder
    rules: Rules
    most: Callable[[], int]
    """Bytes that a file may have."""
    waiting: str = ""
    """What the file under way waits for."""

    async def prepare(self, file: File) -> None:
        """Brings a file to its chunks.

        Raises:
            Unreadable: it cannot be had or read.
            ApiError: what it needs is away.
        """
        upload = self.folder / file.upload
        content_type = ""
        if file.url:
            upload.parent.mkdir(exist_ok=True)
            size, content_type = await fetch(self.rules, file.url, upload, self.most())
            file = replace(file, bytes=size)
        pieces, chunks = _beside(upload)
        try:
            await parse(upload, pieces, _name(file.source), content_type)
            total, notes = await self._patiently(
                lambda: chunk.chunk(pieces, chunks, self.embedder, file.chunk_size, file.overlap)
            )
        finally:
            pieces.unlink(missing_ok=True)
        revision = await asyncio.to_thread(chunk.revision, upload, file.chunk_size, file.overlap)
        note = "; ".join(filter(None, [file.note, *notes]))[:2000]
        await self.ledger.note(
            file, phase="parsed", total=total, revision=revision, note=note, url="", bytes=file.bytes
        )

    async def store(self, file: File) -> None:
        """Stores a file's chunks, then deletes those of its former content.

        Raises:
            ApiError: refused: the quota, or the collection is gone; or what it needs is away.
        """
        store = Store(self.engine, file.base)
        chunks = chunk.read(_beside(self.folder / file.upload)[1], file.done)
        done = file.done
        while part := await asyncio.to_thread(chunk.take, chunks, BATCH):
            numbered = list(enumerate(part, done))
            await self._patiently(lambda numbered=numbered: store.write(file, numbered, self.embedder))  # type: ignore[misc]
            done += len(part)
            await self.ledger.note(file, done=done)
        await self._patiently(lambda: store.delete_older(file))
        await self.ledger.note(file, phase="done")

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Does some work, again and again while what it needs is away."""
        begun, pause = time.monotonic(), _PAUSE
        try:
            while True:
                try:
                    return await work()
                except ApiError as problem:
                    away = problem.status in _AWAY or "retry-after" in problem.headers
                    if not away or time.monotonic() - begun > PATIENCE:
                        raise
                    self.waiting = problem.message
                    await asyncio.sleep(max(pause, _seconds(problem)))
                    pause = min(_LONGEST, 2 * pause)
        finally:
            self.waiting = ""


def discard(folder: Path, upload: str) -> None:
    """Deletes what a file has on disk."""
    path = folder / upload
    for each in (path, *_beside(path)):
        each.unlink(missing_ok=True)
    with suppress(OSError):  # others of the same request are still there
        path.parent.rmdir()


def lasting(folder: Path, file: File) -> list[Path]:
    """What a file with work to do has on disk and nobody will write to any more."""
    upload = folder / file.upload
    if file.phase == "queued":
        return [] if file.url else [upload]
    return [path for path in (upload, _beside(upload)[1]) if path.exists()]


def _beside(upload: Path) -> tuple[Path, Path]:
    """Where its pieces and its chunks go."""
    return upload.with_name(f"{upload.name}.pieces"), upload.with_name(f"{upload.name}.chunks")


def _name(source: str) -> str:
    return source.rpartition("/")[2] if "://" in source else source


def _seconds(problem: ApiError) -> float:
    try:
        return min(_LONGEST, float(problem.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0
