"""The pinned engine on a folder, as a server of this command's own: the very one that stores run.

It has no keys, on a loopback port: for as long as the command runs, other users of this machine reach it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from vectorstore_operator.local import Problem
from vectorstore_operator.local.ports import free_port
from vectorstore_operator.migrate.chroma.wire import Address, Wire

_START_SECONDS = 60.0
"""It may have to renew the tables of an older release."""
_STOP_SECONDS = 60.0
_AWAY_SECONDS = 2.0
"""It is on this machine: where it does not answer by then, it has ended."""
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class _Run:
    process: subprocess.Popen[bytes]
    url: str
    said: Path

    def words(self) -> str:
        """What it said last, without the places in programs that nobody here knows."""
        said = self.said.read_text(errors="replace").strip()
        if "Traceback (most recent call last)" in said:
            said = said.splitlines()[-1].partition(": ")[2]
        return " ".join(said.split())[-500:]


@asynccontextmanager
async def running(folder: Path, name: str) -> AsyncIterator[Wire]:
    """A session with an engine that has a folder to itself, and its end.

    Args:
        folder: with what Chroma keeps; an empty one becomes such.
        name: what messages call it.

    Raises:
        Problem: it does not start with this folder, or is not installed.
    """
    if importlib.util.find_spec("chromadb_rust_bindings") is None:
        raise Problem(
            f"{name}: a folder of Chroma's needs its engine: pip install --no-deps -r requirements/engine.txt"
        )
    with tempfile.TemporaryDirectory(prefix="vectorstore-engine-") as scratch:
        run = _start(folder, Path(scratch))
        try:
            async with Wire(Address(name, run.url), patience=_AWAY_SECONDS) as wire:
                await _answers(run, wire)
                yield wire
        finally:
            await asyncio.to_thread(_end, run.process)


def _start(folder: Path, scratch: Path) -> _Run:
    port, config = free_port(()), scratch / "config.json"
    told = {"port": port, "listen_address": "127.0.0.1", "persist_path": str(folder)}
    config.write_bytes(msgspec.json.encode(told | {"max_payload_size_bytes": _MOST_BYTES}))
    with (scratch / "said").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.launch", str(config), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for this command, which ends it in order
        )
    return _Run(process, f"http://127.0.0.1:{port}", scratch / "said")


async def _answers(run: _Run, wire: Wire) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return await wire.meet()
        except Problem as problem:
            if run.process.poll() is not None or time.monotonic() > deadline:
                raise Problem(f"{wire.name}: Chroma {_pinned()} does not open it: {run.words() or problem}") from None
        await asyncio.sleep(0.02)  # an HTTP probe: there is no event to wait for


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pinned() -> str:
    try:
        return version("chromadb")
    except PackageNotFoundError:
        return "of this release"
