"""How full the memory is that the kernel gives this instance: its control group's, version 2 or 1.

File pages are left out, active or not: they are a cache of the store's own files, the first thing the kernel
takes back, and no reason to refuse a write.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

_UNLIMITED = 1 << 62
"""Version 1 writes a number near the end of int64 where there is no limit."""


class Memory(NamedTuple):
    """Bytes of memory."""

    used: int
    """What the kernel cannot take back at once."""
    limit: int

    @property
    def share(self) -> float:
        """How full it is: 1 is where the kernel ends a process."""
        return self.used / self.limit


class _Files(NamedTuple):
    used: str
    limit: str
    cache: tuple[str, str]


_V2 = _Files("memory.current", "memory.max", ("inactive_file", "active_file"))
_V1 = _Files("memory.usage_in_bytes", "memory.limit_in_bytes", ("total_inactive_file", "total_active_file"))


def memory(root: Path = ROOT, own: Path = OWN) -> Memory | None:
    """The fullest of the groups this process is in; None where none has a limit."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            found += _levels(root, path, _V2)
        elif "memory" in controllers.split(","):
            found += _levels(root / "memory", path, _V1)
    return max(found, key=lambda one: one.share, default=None)


def _levels(mount: Path, path: str, files: _Files) -> list[Memory]:
    """The group itself and those it is within: any of them may have the limit.

    In a container the path may be the host's, of which only the mount's own group is seen.
    """
    group = mount / path.strip("/")
    found = []
    for level in (group, *group.parents):
        with suppress(OSError, ValueError):
            found.append(_read(level, files))
        if level == mount:
            break
    return [one for one in found if 0 < one.limit < _UNLIMITED]


def _read(group: Path, files: _Files) -> Memory:
    limit = int((group / files.limit).read_text())
    used = int((group / files.used).read_text())
    rows = (line.split() for line in (group / "memory.stat").read_text().splitlines())
    cache = sum(int(value) for name, value in rows if name in files.cache)
    return Memory(max(0, used - cache), limit)
