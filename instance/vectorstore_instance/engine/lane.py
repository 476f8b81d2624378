"""A collection's waiting writes, and which of them may share a commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from vectorstore_instance.engine import batch
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.route import Route
from vectorstore_instance.models import wire

Pause = Callable[[], Awaitable[None]]
"""What is done while none of a collection's writes is under way."""

LINGER = 0.5
"""For so long, in parts of their commit, those who shared one are waited for: they mostly write again at once."""
LONGEST = 0.1
"""Seconds that they are waited for at most: a commit may have waited half a minute for an engine that recovers."""


@dataclass(eq=False, slots=True)
class Write:
    """One write, from the time it is taken until it has its answer."""

    route: Route
    body: bytes
    rows: wire.Rows | None
    pause: Pause | None = None
    """What is done instead of a write, in a write's place."""
    answer: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self, outcome: Reply | Exception) -> None:
        """Gives whoever waits the outcome, unless they have one or have gone."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


def rows_of(write: Write) -> wire.Rows:
    """The rows of a write that has some."""
    if write.rows is None:
        raise TypeError("a delete has no rows")
    return write.rows


class Lane:
    """The writes of one collection that wait, in their order."""

    def __init__(self) -> None:
        self.waiting: deque[Write] = deque()
        self._awaited = 0
        self._there = asyncio.Event()

    def put(self, write: Write) -> None:
        """Puts a write behind the others."""
        self.waiting.append(write)
        if len(self.waiting) >= self._awaited:
            self._there.set()

    async def gather(self, count: int, seconds: float) -> None:
        """Waits until so many writes are there, and no longer than so many seconds."""
        if len(self.waiting) >= count:
            return
        self._awaited = count
        self._there.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._there.wait()
        self._awaited = 0


def patience(commit: float) -> float:
    """For how many seconds those are waited for who shared a commit that took so many."""
    return min(LINGER * commit, LONGEST)


def take(lane: deque[Write]) -> list[Write]:
    """Takes the next write, with those after it that may share its commit."""
    taken = [lane.popleft()]
    first = taken[0]
    if first.rows is None or len(first.rows.ids) > batch.SMALL:
        return taken
    ids = set(first.rows.ids)
    while lane:
        rows = lane[0].rows
        if rows is None or lane[0].route.path != first.route.path or len(rows.ids) > batch.SMALL:
            break
        if len(ids) + len(rows.ids) > batch.TOGETHER or not ids.isdisjoint(rows.ids):
            break
        if not batch.fit_together(first.rows, rows):
            break
        ids.update(rows.ids)
        taken.append(lane.popleft())
    return taken
