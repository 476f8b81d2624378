"""Chroma's server as a process of ours: started, found by its own socket, stopped, its end awaited."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

from vectorstore_instance.engine.client import Client, UpstreamLost

_LAUNCH = Path(__file__).with_name("launch.py")
_START_SECONDS = 30.0
_STOP_SECONDS = 45.0
_LISTEN = "0A"


class ChildFailed(Exception):
    """The engine did not start; the message says what it said."""


class Child:
    """One run of the engine."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self.client = Client(url)
        self.ended: asyncio.Task[int] = asyncio.create_task(process.wait())
        """Done when the process has ended, whatever ended it; its result is the exit code."""

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return not self.ended.done()

    async def answers(self, seconds: float) -> bool:
        """Whether the engine answers within so many seconds; busy or not, its heartbeat takes a moment only."""
        try:
            async with asyncio.timeout(seconds):
                await self.client.request("GET", "/api/v2/heartbeat")
        except (TimeoutError, UpstreamLost):
            return False
        return True

    def kill(self) -> None:
        """Ends the engine at once; what it was asked is lost."""
        if self.alive:
            self._process.kill()

    async def stop(self) -> bool:
        """Ends the engine; True when it ended by itself, in order, with everything written."""
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                code = await asyncio.shield(self.ended)
        except TimeoutError:
            self._process.kill()
            code = await self.ended
        self.client.close()
        return code == 0


async def start_child(data: Path, port: int, lock: int, *, allow_reset: bool) -> Child:
    """Starts the engine on a folder and waits until it answers.

    Args:
        data: the folder with Chroma's files.
        port: loopback port; 0 lets the kernel choose.
        allow_reset: whether the engine may delete everything at a request.
        lock: descriptor that holds the folder's lock, handed down so that it outlives a killed front.

    Raises:
        ChildFailed: it ended or stayed silent.
    """
    spec = importlib.util.find_spec("chromadb_rust_bindings")
    if spec is None or spec.origin is None:
        raise ChildFailed("the chromadb wheel is not installed: pip install --no-deps -r requirements/engine.txt")
    config = _write_config(data, port, allow_reset)
    with (data / "engine.log").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-S",
                "-E",
                str(_LAUNCH),
                str(config),
                str(Path(spec.origin).parents[1]),
                str(os.getpid()),
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=said,
            cwd=data,
            # Two arenas keep freed memory from being held once per thread.
            env={"PATH": os.environ.get("PATH", ""), "MALLOC_ARENA_MAX": "2"},
            pass_fds=(lock,),
        )
    try:
        async with asyncio.timeout(_START_SECONDS):
            return await _answering(process)
    except TimeoutError:
        await _kill(process)
        raise ChildFailed(f"the engine did not answer within {_START_SECONDS:.0f} s") from None
    except asyncio.CancelledError:
        await _kill(process)
        raise


async def _kill(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


async def _answering(process: asyncio.subprocess.Process) -> Child:
    """Waits for the child's own socket and its first answer; there is no event to wait for in either."""
    while process.returncode is None:
        port = _listening_port(process.pid)
        if port is not None:
            child = Child(process, f"http://127.0.0.1:{port}")
            try:
                await child.client.request("GET", "/api/v2/heartbeat")
                return child
            except UpstreamLost:
                child.ended.cancel()
        await asyncio.sleep(0.005)
    raise ChildFailed(f"the engine ended at its start with exit code {process.returncode}; see engine.log in DATA_DIR")


def _write_config(data: Path, port: int, allow_reset: bool) -> Path:
    # JSON is YAML; Chroma ignores keys it does not know. Bodies are limited in front of it.
    path = data / "engine.json"
    path.write_text(
        json.dumps(
            {
                "port": port,
                "listen_address": "127.0.0.1",
                "persist_path": str(data.absolute()),
                "allow_reset": allow_reset,
                "max_payload_size_bytes": 1 << 30,
                "sqlitedb": {"hash_type": "md5", "migration_mode": "apply"},
            }
        )
    )
    return path.absolute()


def _listening_port(pid: int) -> int | None:
    """The port a process listens on, found by its own sockets: never another process's of that port."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return None
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    if not inodes:
        return None
    with open(f"/proc/{pid}/net/tcp") as table:
        for row in list(table)[1:]:
            fields = row.split()
            if fields[3] == _LISTEN and fields[9] in inodes:
                return int(fields[1].rpartition(":")[2], 16)
    return None
