"""How many threads may work at the same time, from what this process is given of the machine's CPUs."""

from __future__ import annotations

import os
from pathlib import Path

MOST = 8
"""More threads than this wait for memory rather than for a core."""


def threads(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Whole CPUs that this process may use, 1 to `MOST`: its affinity, and the limit of its cgroups.

    Args:
        cgroups: where the hierarchy (version 2) is mounted.
        own: says which of them this process is in.
    """
    return max(1, min(MOST, len(os.sched_getaffinity(0)), int(_limit(cgroups, own))))


def _limit(cgroups: Path, own: Path) -> float:
    """The least `cpu.max` from the process's cgroup up to the root, in CPUs."""
    try:
        here = next(line[3:] for line in own.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return MOST
    group = cgroups / here.strip("/")
    groups = [group, *(parent for parent in group.parents if parent.is_relative_to(cgroups))]
    return min(_cpus(each / "cpu.max") for each in groups)


def _cpus(path: Path) -> float:
    """https://docs.kernel.org/admin-guide/cgroup-v2.html: `$MAX $PERIOD` in microseconds, or `max`."""
    try:
        most, period = path.read_text().split()
        return MOST if most == "max" else int(most) / int(period)
    except (OSError, ValueError):
        return MOST
