"""Files that change under a running instance: a quota, a key. Read again, never restarted for.

A mounted ConfigMap or Secret changes by a swapped symlink, a local file by a rename: either way the
file a path leads to becomes another one, which a `stat` shows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

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
            self._value = self._parse()
        except ValueError as problem:
            log.error("kept what was read before: %s", problem)

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
