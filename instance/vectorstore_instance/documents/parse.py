"""Has a file turned into text by a process that may die of it: see `worker`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from vectorstore_instance.documents.kinds import HEAD, Unreadable, by_content
from vectorstore_instance.documents.worker import REFUSED
from vectorstore_instance.engine import cgroup

log = logging.getLogger(__name__)

CPU_SECONDS = 60
WALL_SECONDS = 240.0
"""More than that of the CPU: a parser comes last where others work."""
OUTPUT_BYTES = 256 << 20
MEMORY_MOST = 512 << 20
MEMORY_LEAST = 128 << 20
"""Bytes of address space. The libraries alone map 55 MiB."""

_SAID = 4096
_ROOT = Path(__file__).parents[2]
# Isolated, Python takes no PYTHONPATH: where our own package lies is said instead.
_BOOT = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('vectorstore_instance.documents.worker', run_name='__main__')"
)


class Line(msgspec.Struct):
    """A line of the worker's output: a piece of text, or a note about the file."""

    text: str = ""
    offset: int = 0
    page: int | None = None
    row: int | None = None
    note: str = ""


async def parse(upload: Path, out: Path, name: str, content_type: str = "") -> None:
    """Turns a file into a file of `Line`s.

    Args:
        upload: the file.
        out: where its pieces go.
        name: what its owner calls it.
        content_type: what the server said that it comes from.

    Raises:
        Unreadable: it cannot be read; says why.
    """
    with upload.open("rb") as file:
        kind = by_content(name, file.read(HEAD), content_type)
        file.seek(0)
        with out.open("wb") as pieces:
            memory = _memory()
            code, said = await _run([kind, *map(str, (memory, CPU_SECONDS, OUTPUT_BYTES, os.getpid()))], file, pieces)
    if code:
        raise Unreadable(_reason(code, said, name))


def read(path: Path) -> Iterator[Line]:
    """The lines of such a file."""
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)


async def _run(arguments: list[str], file: object, pieces: object) -> tuple[int, str]:
    """Runs the worker; its exit code and the last that it said."""
    command = [sys.executable, "-I", "-B", "-c", _BOOT, str(_ROOT), *arguments]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=file,  # type: ignore[arg-type]
        stdout=pieces,  # type: ignore[arg-type]
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},  # and none of our secrets
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(WALL_SECONDS):
            said = b""
            while process.stderr is not None and (more := await process.stderr.read(_SAID)):
                said = (said + more)[-_SAID:]
            return await process.wait(), said.decode("utf-8", "replace").rpartition("\n")[2]
    except TimeoutError:
        return -signal.SIGXCPU, ""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())


def _reason(code: int, said: str, name: str) -> str:
    if code == REFUSED:
        return said
    log.warning("the parser of %r ended with %d: %s", name, code, said)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"it takes too long to read it (more than {CPU_SECONDS} s of CPU time); split it, or save it anew"
    return "it is damaged, or too large to be read; save it anew, or split it"


def _memory() -> int:
    """What a parser may take: half of what the container has left, within bounds."""
    group = cgroup.memory()
    return max(MEMORY_LEAST, min(MEMORY_MOST, (group.limit - group.used) // 2)) if group else MEMORY_MOST
