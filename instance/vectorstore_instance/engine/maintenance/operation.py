"""One operation of maintenance, as the admin surface shows it, and what it needs of the engine."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

from vectorstore_instance.engine.checkpointing import Checkpointing
from vectorstore_instance.engine.disk import Disk

P = ParamSpec("P")
T = TypeVar("T")

Name = Literal["collect", "compact", "vacuum", "rebuild", "checkpoint"]

PAUSE = 1.0
"""Seconds without a request after which an operation that nobody asked for goes on."""


@dataclass
class Operation:
    """What is done, how far it is, and what came of it."""

    name: Name
    collection: str | None = None
    """The id of the collection whose index is rebuilt."""
    automatic: bool = False
    """Whether nobody asked for it."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    phase: str = "beginning"
    """What is being done; at the end `done` or `failed`."""
    done: int = 0
    """Rows, operations or folders of this phase that are done."""
    total: int = 0
    """How many there are; 0 while that is not known."""
    started: float = field(default_factory=time.time)
    """Seconds since 1970."""
    ended: float | None = None
    error: str | None = None
    bytes_freed: int = 0
    """Bytes of files that are gone, and of pages within the database that can be used anew."""

    def enter(self, phase: str, total: int = 0) -> None:
        """Begins a phase."""
        self.phase, self.done, self.total = phase, 0, total


class Unfit(Exception):
    """The operation cannot be done as things are; the message says why and what to do. Nothing is changed."""


class NoRoom(Unfit):
    """There is too little disk or memory for it."""


class Store(Protocol):
    """What maintenance needs of the engine it works beside."""

    @property
    def disk(self) -> Disk:
        """The files."""
        ...

    @property
    def checkpointing(self) -> Checkpointing:
        """What takes checkpoints."""
        ...

    def parked(self) -> AbstractAsyncContextManager[None]:
        """Within it no write runs and no collection is made or dropped; they wait."""
        ...

    async def while_stopped(self, work: Callable[[], None]) -> None:
        """Stops the engine in order, does this to its files off the event loop; the next request wakes it."""
        ...

    def quiet_seconds(self) -> float:
        """Seconds since the last request ended; 0 while one is under way."""
        ...


async def give_way(store: Store, operation: Operation) -> None:
    """Has an operation that nobody asked for wait until there are no requests."""
    while operation.automatic and (quiet := store.quiet_seconds()) < PAUSE:  # noqa: ASYNC110 (no event for silence)
        await asyncio.sleep(PAUSE - quiet)


async def in_thread(
    db: sqlite3.Connection,
    work: Callable[Concatenate[sqlite3.Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Runs SQL off the event loop; given up, it is interrupted, and left when it has ended.

    Args:
        db: a connection that nothing else uses meanwhile.
        work: what to do with it.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, db, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        db.interrupt()
        await asyncio.wait([task])
        raise
