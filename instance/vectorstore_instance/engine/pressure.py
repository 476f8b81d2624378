"""Whether the store may still grow: bytes of its files, room on its disk, memory of its group.

Short of disk or memory the store turns read-only before SQLite or the kernel does it in a worse way:
what adds is refused, reads, deletes and drops go on. Files and memory are measured every few seconds,
off the event loop; the disk's free bytes are asked for before every write that adds, which takes two
microseconds. What the engine still says of a full disk is told as what it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vectorstore_instance.core.errors import no_room, over_quota
from vectorstore_instance.engine import cgroup
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.sizes import by_folder
from vectorstore_instance.settings import Limits

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often files and memory are measured."""

MEMORY_FULL, MEMORY_FREE = 0.85, 0.80
"""Shares of the memory limit at which the store turns read-only, and may be written again."""

SLACK = 64 << 20
"""Bytes kept free on the disk for SQLite's log and for deletes, beside the largest index, which is
written anew as a whole."""
SHARE = 10
"""The reserve is never more than one part in so many of the disk."""
HEADROOM = 1.25
"""How much more than the reserve must be free before the store may be written again."""
GROWTH = 4
"""Bytes that a write of one byte may take: queue, tables, search index, and SQLite's log of them."""

_FULL = (b"database or disk is full", b"No space left on device")
_BROKE_OFF = b"Failed to apply logs"
"""What the engine says of a write that failed between queue and tables, whatever the reason."""


class Disk(NamedTuple):
    """Bytes of a file system."""

    free: int
    size: int


class Pressure:
    """What bounds the growth of one instance's folder."""

    def __init__(
        self,
        folder: Path,
        limits: Callable[[], Limits],
        *,
        disk: Callable[[Path], Disk] | None = None,
        memory: Callable[[], cgroup.Memory | None] = cgroup.memory,
    ) -> None:
        """
        Args:
            folder: the store's files.
            limits: what counts now.
            disk: how full a folder's file system is.
            memory: how full the instance's memory is.
        """
        self._folder = folder
        self._limits = limits
        self._disk = disk or _disk
        self._memory = memory
        self._no_disk = ""
        self._no_memory = ""
        self._index_bytes = 0
        self._written = 1
        """Bytes of writes since the files were measured; their size is a guess of what the files grew by."""
        self.bytes = 0
        """Bytes the store's files took when they were last measured."""

    @property
    def reason(self) -> str:
        """Why the store is read-only, and the remedy; empty while it is not."""
        return self._no_disk or self._no_memory

    def admit(self, size: int) -> None:
        """Lets a write that adds so many bytes go on.

        Raises:
            ApiError: 507 where disk or memory do not allow it, 429 QuotaError where the files are too large.
        """
        disk = self._disk(self._folder)
        self._judge_disk(disk)
        if self.reason:
            raise no_room(self.reason)
        if disk.free < self._reserve(disk) + GROWTH * size:
            raise no_room(
                f"disk: {disk.free} of {disk.size} bytes are free, and a write of {size} bytes may take {GROWTH} times "
                f"as many above the reserve of {self._reserve(disk)}; send less at once, delete collections, "
                "or have the store's volume enlarged"
            )
        limit = self._limits().max_bytes
        if limit is not None and self.bytes + self._written > limit:
            raise over_quota(
                f"bytes: the store's files have {self.bytes} of {limit}; delete collections, "
                "or have the plan's limit raised (max_bytes)"
            )
        self._written += size

    def spare(self) -> int:
        """Bytes of the disk that something else may take for a while, and no write is refused for it."""
        disk = self._disk(self._folder)
        return disk.free - int(HEADROOM * self._reserve(disk))

    def told(self, reply: Reply) -> Reply:
        """The engine's answer.

        Raises:
            ApiError: 507 where it says that the disk is full.
        """
        if self.met_full_disk(reply):
            log.error("the engine met a full disk: %s", reply.body.decode(errors="replace"))
            raise no_room(
                "disk: it became full in the middle of this, which may have been done in part; "
                "delete collections or have the store's volume enlarged, then send it again"
            )
        return reply

    def met_full_disk(self, reply: Reply) -> bool:
        """Whether the engine says that it could not write because the disk is full, or that is why."""
        if reply.status != 500:
            return False
        if any(words in reply.body for words in _FULL):
            return True
        disk = self._disk(self._folder)
        return _BROKE_OFF in reply.body and disk.free < self._reserve(disk)

    async def watch(self) -> None:
        """Measures for as long as the instance lives."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Measures once: files where something was written, disk and memory always."""
        written, self._written = self._written, 0
        try:
            if written:
                self.bytes, self._index_bytes = await asyncio.to_thread(_sizes, self._folder)
            self._judge_disk(await asyncio.to_thread(self._disk, self._folder))
            self._judge_memory(await asyncio.to_thread(self._memory))
        except OSError as problem:
            log.error("the store's files cannot be measured: %s", problem)

    def _reserve(self, disk: Disk) -> int:
        return min(SLACK + self._index_bytes, disk.size // SHARE)

    def _judge_disk(self, disk: Disk) -> None:
        reserve = self._reserve(disk)
        if disk.free < reserve:
            full = (
                f"disk: {disk.free} of {disk.size} bytes are free, and {reserve} are kept for what must go on; "
                "the store is read-only: delete collections or have its volume enlarged"
            )
            self._no_disk = _turned(self._no_disk, full)
        elif disk.free >= HEADROOM * reserve:
            self._no_disk = _turned(self._no_disk, "")

    def _judge_memory(self, memory: cgroup.Memory | None) -> None:
        if memory is not None and memory.share >= MEMORY_FULL:
            full = (
                f"memory: {memory.used} of {memory.limit} bytes are used, and above {MEMORY_FULL:.0%} the store is "
                "read-only: delete collections or have its plan give it more memory"
            )
            self._no_memory = _turned(self._no_memory, full)
        elif memory is None or memory.share < MEMORY_FREE:
            self._no_memory = _turned(self._no_memory, "")


def _turned(before: str, now: str) -> str:
    """The reason now; what changes is logged once."""
    if now and not before:
        log.error("the store is read-only: %s", now)
    elif before and not now:
        log.warning("the store may be written again; it was read-only: %s", before)
    return now


def _disk(folder: Path) -> Disk:
    found = os.statvfs(folder)
    return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def _sizes(folder: Path) -> tuple[int, int]:
    """Bytes of all files, and of the largest folder among them, which is an index."""
    sizes = by_folder(folder)
    return sum(sizes.values()), max((size for within, size in sizes.items() if within != folder), default=0)
