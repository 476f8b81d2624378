"""A store from an archive: received beside, proven by the real engine, moved into its place by renaming.

With RESTORING set and nothing in its folder an instance serves nobody until it has one. What arrives is
unpacked into `DATA_DIR/restore`, opened there with the engine and compared with the manifest, row by row.
Only then does it become the store (`staging`): a kill before that leaves nothing, one after it the whole.
A folder that has a store is left alone, so the setting may stay when the restore is long over.

A store that has data gives them up only where that is asked for, and after the others were proven: it serves
while they arrive, nobody while they are proven, and ends; its next start moves the old aside and the new in.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from vectorstore_instance.archive import Archive, ArchiveError
from vectorstore_instance.core.errors import because, conflict, malformed, no_room, unavailable
from vectorstore_instance.engine import staging
from vectorstore_instance.engine.disk import Disk, is_full
from vectorstore_instance.engine.ending import to_its_end
from vectorstore_instance.engine.restore.receiving import Body, Received, Receiving, unreliable
from vectorstore_instance.settings import Settings

__all__ = ["Body", "Restore"]

log = logging.getLogger(__name__)

Phase = Literal["none", "waiting", "receiving", "proving", "starting", "done"]
"""`none`: this store is not to be restored; `done`: it was, now or before an earlier start."""
_SERVING = ("none", "done")

AGAIN_SECONDS = 10


class Restore:
    """The restore of one instance."""

    def __init__(
        self, settings: Settings, disk: Disk, spare: Callable[[], int], rest: Callable[[], Awaitable[None]]
    ) -> None:
        """
        Args:
            settings: of the instance.
            disk: its folder.
            spare: bytes that may be written into it.
            rest: stops the engine until the next request.
        """
        self._settings = settings
        self._disk = disk
        self._spare = spare
        self._rest = rest
        self._placed = asyncio.Event()
        self._opened = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._receiving: Receiving | None = None
        self._replacing = False
        self.phase: Phase = "none"
        self.error = ""
        """Why the last archive was not taken."""

    async def begin(self) -> None:
        """Takes the folder, and looks whether an archive is to be waited for.

        Raises:
            DiskError: the folder cannot be used.
        """
        await asyncio.to_thread(self._disk.acquire)
        if (self._disk.folder / staging.RECORD).exists():
            self.phase = "done"
        elif self._settings.restoring and self._disk.untouched:
            self.phase = "waiting"
            log.info("waiting for an archive: POST /admin/restore")

    @property
    def reason(self) -> str:
        """Why nothing is served; empty where it is."""
        if self.phase in _SERVING or (self._replacing and self.phase == "receiving"):
            return ""
        told = {"waiting": "an archive is waited for", "receiving": "its archive is being received"}
        return f"the store is restoring: {told.get(self.phase, 'what was received is being proven')}"

    async def placed(self) -> None:
        """Returns when there is nothing to wait for any more: the engine may start."""
        if self.reason:
            await self._placed.wait()

    def opened(self) -> None:
        """Takes note that the engine has started."""
        if self.phase == "starting":
            self.phase = "done"
            self._opened.set()

    def state(self) -> dict[str, Any]:
        """How far it is; once it is done, with what came of it."""
        received = self._receiving.bytes if self._receiving else 0
        told = {"phase": self.phase, "receivedBytes": received, "error": self.error or None}
        record = self._record()
        return told | ({"restored": msgspec.json.decode(record)} if record else {})

    async def take(self, stream: Body, *, replace: bool, run: str = "") -> None:
        """Makes the store from an archive; returns when it serves, or ends to serve it at its next start.

        Args:
            stream: the archive, read in a thread.
            replace: whether what the store holds may go for it.
            run: which restore it is, kept in the record. What is in place by the same run is not replaced once more:
                a second time would undo what was written since.

        Raises:
            ApiError: 400 it is no archive that can be relied on, or of another model; 409 the store does not wait
                for one; 422 what comes out is not what went in; 507 no room. Nothing is left of it then.
        """
        before = self.phase
        if before in _SERVING and run and self._run() == run:
            return
        if before in _SERVING and not replace:
            await self._same(stream)
            return
        if before not in (*_SERVING, "waiting"):
            refusal = conflict("restore: one is under way; try again when it has ended", AGAIN_SECONDS)
            raise because("Busy", refusal)
        self._replacing = before in _SERVING
        self.phase, self.error = "receiving", ""
        self._work = asyncio.create_task(self._restore(stream, run))
        try:
            await to_its_end(asyncio.wait([self._work]))  # whoever sent it may go: it is here
            self._work.result()
        except BaseException as problem:
            await to_its_end(asyncio.to_thread(staging.forget, self._disk.folder))
            self.phase, self.error = before, getattr(problem, "message", str(problem)) or type(problem).__name__
            log.error("restore: the archive was not taken: %s", self.error)
            if isinstance(problem, asyncio.CancelledError):
                raise unavailable("restore: broken off, as the instance ends; send the archive again") from None
            raise

    async def stop(self) -> None:
        """Breaks off what is under way; nothing is left of it."""
        if self._work is not None and not self._work.done():
            self._work.cancel()
            await asyncio.wait([self._work])

    async def _restore(self, stream: Body, run: str) -> None:
        try:
            record = await self._proven(stream, run)
            await to_its_end(asyncio.to_thread(staging.prove, self._disk.folder, record))
        except OSError as problem:
            if not is_full(problem):
                raise
            refusal = no_room(f"restore: the disk became full ({problem}); have the store's volume enlarged")
            raise because("DiskFull", refusal) from None
        self.phase = "starting"
        if self._replacing:
            log.warning("restore: ending, to begin anew on what was restored")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        await to_its_end(asyncio.to_thread(staging.settle, self._disk.folder))
        self._placed.set()
        await self._opened.wait()

    async def _proven(self, stream: Body, run: str) -> bytes:
        """Receives an archive and compares what comes out of it; returns the record of it."""
        from vectorstore_instance.engine.restore.trial import Differs, trial  # numpy: 20 MiB for who needs none

        began = time.monotonic()
        self._receiving = Receiving(self._settings, self._spare, stream)
        received: Received = await self._receiving.receive()
        here = time.monotonic()
        self.phase = "proving"
        await self._rest()  # there may be memory for one engine only
        try:
            verdict = await trial(received.folder, received.manifest, self._disk.lock)
        except Differs as problem:
            raise because("Differs", malformed(f"archive: {problem}")) from None
        if verdict.differences:
            told = f"archive: it does not hold what its manifest says: {'; '.join(verdict.differences)}"
            raise because("Differs", malformed(told))
        seconds = {"receive": round(here - began, 2), "prove": round(time.monotonic() - here, 2)}
        log.info("restore: operation %d of %s is proven", received.manifest.sequence, received.manifest.taken)
        return msgspec.json.encode(received.told() | {"run": run, "compared": verdict, "seconds": seconds})

    async def _same(self, stream: Body) -> None:
        """Lets pass whoever sends once more what is in place already: its answer may have got lost."""
        if record := self._record():
            try:
                archive = await asyncio.to_thread(Archive, stream)
            except ArchiveError as problem:
                raise unreliable(problem) from None
            if msgspec.json.decode(record)["archive"] == archive.digest:
                return
        refusal = conflict(
            "restore: this store does not wait for an archive: it holds data, or RESTORING is not set; "
            "restore into a new store, or give up what it holds with replace=true"
        )
        raise because("HoldsData", refusal)

    def _run(self) -> str:
        """By which run the data came that are in place; empty where nobody said."""
        record = self._record()
        return str(msgspec.json.decode(record).get("run", "")) if record else ""

    def _record(self) -> bytes:
        try:
            return (self._disk.folder / staging.RECORD).read_bytes()
        except FileNotFoundError:
            return b""
