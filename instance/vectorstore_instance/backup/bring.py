"""`restore`: a backup into an instance that waits for one, or gives up for it what it holds.

The instance receives, proves and only then uses it; here it is seen to that it gets the right one, and that a
connection that breaks is no end: what is in place already is not sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from vectorstore_instance.archive import Archive, ArchiveError, NewerFormat
from vectorstore_instance.backup import catalogue, opened
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.given import Given
from vectorstore_instance.backup.instance import Port, patiently
from vectorstore_instance.backup.opened import Watch
from vectorstore_instance.backup.pipe import BLOCK, Stream
from vectorstore_instance.backup.result import Info, Verified
from vectorstore_instance.backup.storage import Storage


def restore(given: Given, storage: Storage, watch: Watch) -> tuple[Info | None, Verified]:
    """Restores one backup; returns when the instance serves it.

    Raises:
        Failure: it does not; what it held, it still holds.
    """
    path, info = opened.sought(given, storage)
    port = Port(given.job.url or "", given.required("token", "the instance wants its admin key"))
    sending = _Sending(given, storage, port, path, info, watch)
    patiently(given.job.patience_seconds, sending.send)
    record = patiently(given.job.patience_seconds, sending.placed)
    return info, _verified(record)


class _Sending:
    """One archive on its way to one instance."""

    def __init__(self, given: Given, storage: Storage, port: Port, path: str, info: Info | None, watch: Watch) -> None:
        self._given = given
        self._storage = storage
        self._port = port
        self._path = path
        self._info = info
        self._watch = watch
        self._archive = ""
        """Which archive it is, once something of it was sent."""

    def send(self) -> None:
        """Sends it, unless an earlier attempt whose answer was lost has brought it into place.

        Raises:
            Failure: it was not taken.
        """
        if (self._archive or self._given.job.run) and self._record() is not None:
            return
        stream = _Headed(opened.stream(self._given, self._storage, self._path, self._info, self._watch))
        try:
            archive = Archive(stream)
        except NewerFormat as problem:
            raise Failure("NewerFormat", f"{self._path}: {problem}") from None
        except ArchiveError as problem:
            raise Failure("Corrupt", f"{self._path}: {problem}") from None
        catalogue.check_place(archive.manifest, self._given.job)
        self._archive = archive.digest
        self._port.restore(stream.whole(), replace=self._given.job.replace, run=self._given.job.run)

    def placed(self) -> dict[str, Any]:
        """What the instance says of it, once it serves it.

        Raises:
            Failure: `StoreBusy`: not yet.
        """
        record = self._record()
        if record is None:
            raise Failure("StoreBusy", "the instance has the archive, and does not serve it yet; see its log", 0.2)
        return record

    def _record(self) -> dict[str, Any] | None:
        state = self._port.restored()
        record = state.get("restored")
        if state["phase"] != "done" or not record:
            return None
        run = self._given.job.run
        came = record["archive"] == self._archive or (run and record.get("run") == run)
        return record if came else None


class _Headed:
    """A stream whose beginning is read twice."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._head: list[bytes] = []

    def read(self, size: int, /) -> bytes:
        """Reads, and keeps what was read."""
        block = self._stream.read(size)
        self._head.append(block)
        return block

    def whole(self) -> Iterator[bytes]:
        """All of it, from the beginning."""
        head, self._head = self._head, []
        yield from filter(None, head)
        while block := self._stream.read(BLOCK):
            yield block


def _verified(record: dict[str, Any]) -> Verified:
    compared, seconds = record["compared"], record["seconds"]
    return Verified(
        at=datetime.fromisoformat(record["restored"]),
        seconds=round(sum(seconds.values()), 2),
        collections=compared["collections"],
        documents=compared["documents"],
        questions=compared["questions"],
        recall=compared["recall"],
        mended=len(compared["mended"]),
    )
