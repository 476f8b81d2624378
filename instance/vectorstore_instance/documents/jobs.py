"""The files of an instance and who works on them: one at a time, from the first byte to the last restart.

Nothing is opened, started or loaded before the first upload, and nothing is on disk: an instance whose
tenant has no documents is as small as if there were none. Where there is unfinished work on disk, it is
taken up at the start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING

from vectorstore_instance.core.errors import ApiError, failed, too_many, unavailable
from vectorstore_instance.core.observer import Observer
from vectorstore_instance.embed import Embedder
from vectorstore_instance.engine import Engine
from vectorstore_instance.settings import Limits, Settings

if TYPE_CHECKING:
    from vectorstore_instance.documents.ledger import File, Ledger
    from vectorstore_instance.documents.work import Work
from vectorstore_instance.engine.manifest import sync

log = logging.getLogger(__name__)

FILES = 1000
"""Files that may wait."""
BODIES = 4
"""Uploads that wait may come to so many bodies of the largest size."""
_BREATH = 10.0
"""Seconds until work is tried again that could not even be noted as failed."""
_LEDGER = "files.sqlite3"


class Jobs:
    """The files of an instance's databases."""

    def __init__(
        self,
        settings: Settings,
        limits: Callable[[], Limits],
        engine: Engine,
        embedder: Embedder | None,
        observer: Observer,
    ) -> None:
        self.folder = settings.data_dir / "documents"
        self._urls = settings.document_urls
        self._limits = limits
        self._engine = engine
        self._embedder = embedder
        self._observer = observer
        self._opening = asyncio.Lock()
        self._work: Work | None = None
        self._worker: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._current: tuple[File, asyncio.Task[None]] | None = None

    async def start(self) -> None:
        """Takes up what was not finished, if anything was."""
        if self._has_any:
            with suppress(ApiError):  # told in the log; the store serves everything else
                await self._open()

    async def stop(self) -> None:
        """Ends the work where it is; it is taken up at the next start."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        if self._work is not None:
            self._work.ledger.close()

    async def room(self, size: int) -> None:
        """Sees to it that so many more bytes may wait.

        Raises:
            ApiError: 429 with Retry-After: too much waits already.
        """
        waiting = await (await self._open()).ledger.unfinished()
        most = BODIES * self._limits().max_body_bytes
        if len(waiting) >= FILES or sum(file.bytes for file in waiting) + size > most:
            raise too_many(
                f"files: {len(waiting)} wait to be read, as many as may; try again when some are done, or cancel some",
                retry_after=60,
            )

    def inbox(self) -> Path:
        """A new folder for the uploads of one request."""
        folder = self.folder / secrets.token_hex(8)
        folder.mkdir()
        return folder

    async def add(self, files: list[File]) -> None:
        """Takes in files, whose uploads lie durably in an inbox: from here on they will be worked on."""
        work = await self._open()
        refused = [file for file in files if file.phase == "failed"]
        for file in [*await work.ledger.add(files), *refused]:
            await self._drop(file)
        self._wanted.set()

    async def of(self, collection: str) -> list[File]:
        """The files of a database, the oldest first."""
        return await (await self._open()).ledger.of(collection) if self._has_any else []

    async def all(self, base: str, collections: Iterable[str]) -> list[File]:
        """The files of a Chroma database's collections: of those there are."""
        if not self._has_any:
            return []
        ledger = (await self._open()).ledger
        await ledger.prune(base, collections)
        return [file for file in await ledger.all() if file.base == base]

    async def cancel(self, collection: str) -> int:
        """Ends the work on a database's files, keeping what is stored; returns on how many there was some."""
        if not self._has_any:
            return 0
        ledger = (await self._open()).ledger
        files = await ledger.of(collection)
        count = await ledger.cancel(collection)
        for file in files:
            await self._drop(file)
        return count

    async def forget(self, collection: str) -> None:
        """Leaves nothing of a database's files."""
        await self.cancel(collection)
        if self._has_any:
            await (await self._open()).ledger.forget(collection)

    async def copy(self, folder: Path) -> None:
        """Copies the ledger, with links to the uploads that it names, into a folder that is to be made."""
        if self._work is None:
            return
        from vectorstore_instance.documents.work import lasting

        def link(file: File) -> None:
            target = folder / file.upload
            target.parent.mkdir(exist_ok=True)
            for path in lasting(self.folder, file):
                os.link(path, target.with_name(path.name))

        await asyncio.to_thread(folder.mkdir)
        await self._work.ledger.copy(folder / _LEDGER, link)

    def current(self, collection: str) -> tuple[File | None, str]:
        """The file of a database that is worked on, if one is, and what it waits for."""
        if self._current is None or self._work is None or self._current[0].collection != collection:
            return None, ""
        return self._current[0], self._work.waiting

    @property
    def _has_any(self) -> bool:
        return self._work is not None or (self._embedder is not None and (self.folder / _LEDGER).exists())

    async def _drop(self, file: File) -> None:
        """Leaves nothing of a file on disk, and ends the work on it."""
        from vectorstore_instance.documents.work import discard

        if self._current is not None and self._current[0].number == file.number:
            task = self._current[1]
            task.cancel()
            await asyncio.wait([task])
        await asyncio.to_thread(discard, self.folder, file.upload)

    async def _open(self) -> Work:
        """The work, begun with the first need of it."""
        async with self._opening:
            if self._work is None:
                self._work = await self._begin()
                self._worker = asyncio.create_task(self._run(self._work))
        return self._work

    async def _begin(self) -> Work:
        from vectorstore_instance.documents.fetch import Rules
        from vectorstore_instance.documents.ledger import Ledger, LedgerUnusable
        from vectorstore_instance.documents.work import Work

        if self._embedder is None:
            raise RuntimeError("a store without a model has no files")
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            ledger = await asyncio.to_thread(Ledger, self.folder / _LEDGER)
        except LedgerUnusable as problem:
            log.error("%s", problem)
            raise unavailable("documents cannot be worked on at the moment; the store's log says why") from None
        sync(self.folder.parent)
        await self._tidy(ledger)
        rules = Rules.parse(self._urls)
        return Work(self.folder, ledger, self._engine, self._embedder, rules, lambda: self._limits().max_body_bytes)

    async def _tidy(self, ledger: Ledger) -> None:
        """Deletes uploads that were never acknowledged, and such as are done with."""
        wanted = {file.upload.partition("/")[0] for file in await ledger.unfinished()}
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name not in wanted:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _run(self, work: Work) -> None:
        """Works on one file after the other."""
        while True:
            self._wanted.clear()
            file = await work.ledger.next()
            if file is None:
                await self._wanted.wait()
                continue
            task = asyncio.create_task(self._one(work, file))
            self._current = (file, task)
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                await asyncio.wait([task])
                self._current = None
            if not task.cancelled() and (problem := task.exception()):
                log.error("what became of file %d cannot be noted: %s; trying again", file.number, problem)
                await asyncio.sleep(_BREATH)

    async def _one(self, work: Work, file: File) -> None:
        from vectorstore_instance.documents.kinds import Unreadable
        from vectorstore_instance.documents.work import discard

        try:
            if file.phase == "queued":
                with self._observer.span("document parse", bytes=file.bytes):
                    await work.prepare(file)
                    return
            with self._observer.span("document store", chunks=file.total):
                await work.store(file)
        except Unreadable as problem:
            await work.ledger.note(file, phase="failed", url="", error=str(problem))
        except ApiError as problem:
            await work.ledger.note(file, phase="failed", url="", error=problem.message)
        except Exception as problem:
            log.exception("reading file %d failed", file.number)
            full = isinstance(problem, OSError) and problem.errno == ENOSPC
            error = "the store's disk is full; make room, and upload it again" if full else failed().message
            await work.ledger.note(file, phase="failed", url="", error=error)
        await asyncio.to_thread(discard, work.folder, file.upload)
