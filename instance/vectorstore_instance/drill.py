"""`python -m vectorstore_instance.drill ARCHIVE`: whether an archive would restore, found out by restoring it.

It is unpacked into a folder of its own, opened with the real engine, compared with its manifest and removed
again. Prints the verdict as one JSON object. Exit code 0: every row came out as it went in; 1: it did not, or
the archive cannot be relied on; 2: the drill could not be held here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from vectorstore_instance.archive import Archive, ArchiveError, Manifest
from vectorstore_instance.engine.restore.trial import Differs, Verdict, trial

HELD, FAILED, NOT_HELD = 0, 1, 2


class NotHeld(Exception):
    """The drill could not be held; the message says why and what to do."""


def drill(stream: BinaryIO, scratch: Path | None) -> dict[str, Any]:
    """Restores an archive and compares it.

    Args:
        stream: the archive.
        scratch: where there is room to unpack it; None: where temporary files go.

    Returns:
        The verdict: `ok`, and what was compared or why it was not.

    Raises:
        NotHeld: there is no room, or no engine.
    """
    began = time.monotonic()
    verdict: dict[str, Any] = {"ok": False}
    try:
        archive = Archive(stream)
        verdict |= _told(archive)
        found = compared(archive, scratch)
    except (ArchiveError, Differs) as problem:
        return verdict | {"error": str(problem)}
    except OSError as problem:
        raise NotHeld(f"{problem}; give a folder with room: --scratch") from None
    verdict |= {"compared": msgspec.to_builtins(found), "seconds": round(time.monotonic() - began, 2)}
    return verdict | {"ok": not found.differences}


def compared(archive: Archive, scratch: Path | None) -> Verdict:
    """What a drill of an archive finds.

    Raises:
        ArchiveError: it cannot be relied on.
        Differs: it cannot be opened.
        NotHeld: there is no room.
        OSError: nor was there in the end.
    """
    with tempfile.TemporaryDirectory(prefix="drill-", dir=scratch) as folder:
        _check_room(archive.manifest, Path(folder))
        archive.extract(Path(folder))
        return asyncio.run(_trial(Path(folder), archive.manifest))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m vectorstore_instance.drill", description="Restores an archive to see whether that works."
    )
    parser.add_argument("archive", help="a file, or - for standard input")
    parser.add_argument("--scratch", type=Path, help="a folder with room for what it unpacks to")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(message)s")
    try:
        with _opened(asked.archive) as stream:
            verdict = drill(stream, asked.scratch)
    except (NotHeld, OSError) as problem:
        print(f"drill: {problem}", file=sys.stderr)
        sys.exit(NOT_HELD)
    print(msgspec.json.encode(verdict).decode())
    sys.exit(HELD if verdict["ok"] else FAILED)


def _told(archive: Archive) -> dict[str, Any]:
    manifest = archive.manifest
    return {
        "archive": archive.digest,
        "taken": manifest.taken.isoformat(),
        "store": manifest.store,
        "tenant": manifest.tenant,
        "sequence": manifest.sequence,
        "bytes": manifest.bytes,
    }


def _check_room(manifest: Manifest, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < manifest.bytes:
        raise NotHeld(
            f"{folder.parent}: the archive unpacks to {manifest.bytes} bytes, and {free} are free; "
            "give a folder with more room: --scratch"
        )


async def _trial(folder: Path, manifest: Manifest) -> Verdict:
    # The engine inherits a lock where there is one to hold; nobody else knows of this folder.
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        return await trial(folder, manifest, nothing)
    finally:
        os.close(nothing)


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with open(name, "rb") as file:
        yield file


if __name__ == "__main__":
    main()
