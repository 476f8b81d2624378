"""When the engine is in the middle of writing its index files, which the kernel tells as it happens."""

from __future__ import annotations

import ctypes
import os
import select
import time
from pathlib import Path

_MODIFY = 0x2
_NONBLOCK = 0o4000
_libc = ctypes.CDLL(None, use_errno=True)


def await_persist(data: Path, seconds: float) -> bool:
    """Returns at the first write to an index file under a folder; False when none came in time."""
    watch = _libc.inotify_init1(_NONBLOCK)
    try:
        for folder in data.glob("*-*-*-*-*"):
            _libc.inotify_add_watch(watch, os.fsencode(folder), _MODIFY)
        waiting = select.poll()  # select() takes no descriptor above 1023, which a long run gets to
        waiting.register(watch, select.POLLIN)
        return bool(waiting.poll(1000 * seconds))
    finally:
        os.close(watch)


def unfinished(data: Path) -> bool:
    """Whether a kill left index files half written: the last of them is older than the first."""
    for folder in data.glob("*-*-*-*-*"):
        first, last = folder / "header.bin", folder / "index_metadata.pickle"
        if first.exists() and (not last.exists() or last.stat().st_mtime_ns < first.stat().st_mtime_ns):
            return True
        if last.exists() and not last.read_bytes().endswith(b"."):  # the end of every pickle
            return True
    return False


def pause(seconds: float) -> None:
    """Waits for less than a sleep can: a persist takes a millisecond or two."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
