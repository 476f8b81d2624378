"""File systems of a test's own, where it runs as root on Linux: a small one, and one whose power can be cut."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, in the kernel's fs/ext4/ext4.h; XFS has the same number."""
_NO_LOG_FLUSH = 2
"""What was not synced is lost, the journal's buffers too: as if the power had gone."""


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def small(folder: Path, size: int) -> Iterator[bool]:
    """A file system in memory of so many bytes; False where none may be mounted."""
    folder.mkdir()
    mounted = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


class Disk:
    """An ext4 file system in a file, on a loop device."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image, self.folder = image, folder
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(256 << 20)

    def mount(self) -> bool:
        """Whether it could be mounted; the journal is played back."""
        return _run("mount", "-o", "loop", str(self.image), str(self.folder))

    def format(self) -> bool:
        return shutil.which("mkfs.ext4") is not None and _run("mkfs.ext4", "-q", str(self.image))

    def cut_power(self) -> None:
        """From now on nothing reaches the disk; what was written and not synced never will."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True, capture_output=True)
