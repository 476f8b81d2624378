"""Bytes from one thread to another, few of them under way; who fails on one side tells the other.

An end that was not said to be one is never taken for it: a pipe ends because its writer said so, or fails.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

BLOCK = 1 << 20
_MOST = 8 * BLOCK
"""Bytes that may be under way."""


class Stream(Protocol):
    """Bytes to be read in order."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


class Abandoned(Exception):
    """Nobody reads any more."""


class Pipe:
    """One writer's bytes to one reader."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._blocks: deque[memoryview] = deque()
        self._held = 0
        self._ended = self._abandoned = False
        self._problem: BaseException | None = None

    def write(self, block: bytes) -> int:
        """Hands bytes over; waits while there are enough under way.

        Raises:
            Abandoned: nobody wants them.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._held < _MOST or self._abandoned)
            if self._abandoned:
                raise Abandoned
            if block:
                self._blocks.append(memoryview(block))
                self._held += len(block)
                self._changed.notify_all()
        return len(block)

    def close(self, problem: BaseException | None = None) -> None:
        """The writer's last word: that was all, or why there is no more."""
        with self._changed:
            self._ended, self._problem = True, self._problem or problem
            self._changed.notify_all()

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end. What the writer failed of is raised here."""
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._ended)
            if self._problem is not None:
                raise self._problem
            if not self._blocks:
                return b""
            block = self._blocks[0]
            found = bytes(block[:size])
            if len(found) == len(block):
                self._blocks.popleft()
            else:
                self._blocks[0] = block[size:]
            self._held -= len(found)
            self._changed.notify_all()
            return found

    def abandon(self) -> None:
        """The reader's last word: it wants no more."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()


def stage(work: Callable[[Pipe], object]) -> Pipe:
    """Starts work in a thread of its own.

    Args:
        work: writes into the pipe that it is given; what it raises, the reader gets.

    Returns:
        The other end.
    """
    pipe = Pipe()

    def run() -> None:
        try:
            work(pipe)
        except BaseException as problem:
            pipe.close(problem)
        else:
            pipe.close()

    threading.Thread(target=run, daemon=True).start()  # an end of the job waits for nobody
    return pipe


def flowing(source: Stream) -> Pipe:
    """A stream that is read ahead."""

    def copy(target: Pipe) -> None:
        while block := source.read(BLOCK):
            target.write(block)

    return stage(copy)


class Blocks:
    """Blocks as they come, read in any size."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        while not self._left and (block := next(self._blocks, None)) is not None:
            self._left = memoryview(block)
        found, self._left = bytes(self._left[:size]), self._left[size:]
        return found
