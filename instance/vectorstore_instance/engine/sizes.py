"""Bytes that files take on the disk, in folders where the engine makes and removes files and folders meanwhile."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SNAPSHOT, RESTORE = "snapshot", "restore"
"""Folders within a store's own that are there for a while: they are no part of it, and count for nothing."""


def by_folder(top: Path) -> dict[Path, int]:
    """Bytes of the files that each folder itself holds: of the top one and of all within it."""
    sizes = {}
    for folder, within, files in os.walk(top):  # passes over a folder that is gone, where Path.rglob raises
        here = Path(folder)
        if here == top:
            within[:] = [name for name in within if name not in (SNAPSHOT, RESTORE)]
        sizes[here] = 0
        for file in files:
            with suppress(FileNotFoundError):
                sizes[here] += (here / file).lstat().st_blocks * 512
    return sizes


def folder_bytes(top: Path) -> int:
    """Bytes of all files within a folder; none where there is no such folder."""
    return sum(by_folder(top).values())
