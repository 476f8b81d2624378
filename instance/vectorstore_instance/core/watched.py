"""Files that change under a running instance: a quota, a key. Read again, never restarted for.

A mounted ConfigMap or Secret changes by a swapped symlink, a local file by a rename: either way the
file a path leads to becomes another one, which a `stat` shows. A mount may show a change a minute
late, so what the files will say can also be pushed ahead of them (`Editions`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

INTERVAL = 0.5
"""Seconds between two looks at the files."""


class Watched(Generic[T]):
    """The value parsed from some files, as new as the last half second."""

    def __init__(self, paths: list[Path], parse: Callable[[], T]) -> None:
        """Reads the files at once.

        Raises:
            ValueError: what is wrong with which file.
        """
        self._paths = paths
        self._parse = parse
        self._seen = self._stamps()
        self._value = parse()
        self._next_look = time.monotonic() + INTERVAL

    @property
    def current(self) -> T:
        """The value now; the last good one while the files are wrong, which is logged."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + INTERVAL
            self._look()
        return self._value

    def _look(self) -> None:
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._take(self._parse())
        except ValueError as problem:
            log.error("kept what was read before: %s", problem)

    def _take(self, read: T) -> None:
        self._value = read

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


class Edition(Protocol):
    """A value whose every change has a higher number."""

    @property
    def generation(self) -> int:
        """Its number."""
        ...


E = TypeVar("E", bound=Edition)


class Outdated(ValueError):
    """What was pushed is older than what is in force."""


class Editions(Watched[E]):
    """The value in some files, or a newer one that was pushed before the files show it.

    What was pushed is in force until the files show its generation or a newer one; a restart reads the
    files alone.
    """

    pushed = False
    """Whether what is in force was pushed."""

    def check(self, edition: E) -> None:
        """
        Raises:
            Outdated: `push` would refuse it.
        """
        current = self.current
        if edition.generation <= current.generation and edition != current:
            how = "is in force, and its content differs" if edition.generation == current.generation else "is in force"
            raise Outdated(f"generation: {edition.generation} is pushed, and {current.generation} {how}")

    def push(self, edition: E) -> None:
        """Puts an edition in force at once; the one that is in force already may be sent again.

        Raises:
            Outdated: it is older, or as old and another.
        """
        self.check(edition)
        if edition != self._value:
            self._value, self.pushed = edition, True

    def _take(self, read: E) -> None:
        if self.pushed and read.generation < self._value.generation:
            return  # the mount has not caught up
        self._value, self.pushed = read, False


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
