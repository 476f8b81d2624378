"""A real instance: `python -m vectorstore_instance` on free loopback ports, with keys and data of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import chromadb
import httpx
import pytest


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@dataclass
class Running:
    """One instance process and what a tenant needs to reach it."""

    folder: Path
    environ: dict[str, str]
    port: int = field(default_factory=free_port)
    management_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    arguments: tuple[str, ...] = ("-m", "vectorstore_instance")
    """What Python runs."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def management_url(self) -> str:
        return f"http://127.0.0.1:{self.management_port}"

    def key(self, name: str = "read-write") -> str:
        return (self.folder / "keys" / name).read_text().strip()

    def chroma(self, key: str = "read-write") -> chromadb.ClientAPI:
        assert self.process is None or self.process.poll() is None, self.log[-8000:]
        return chromadb.HttpClient("127.0.0.1", self.port, headers={"x-chroma-token": self.key(key)})

    def http(self, key: str | None = "read-write") -> httpx.Client:
        headers = {"authorization": f"Bearer {self.key(key)}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def start(self) -> Running:
        environ = {
            "DATA_DIR": str(self.folder / "data"),
            "KEYS_DIR": str(self.folder / "keys"),
            "PORT": str(self.port),
            "MANAGEMENT_PORT": str(self.management_port),
            "TENANT_ID": "acme",
            **self.environ,
        }
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, *self.arguments],
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            process_group=0,
        )
        self.wait_ready()
        return self

    def restart(self) -> Running:
        """Starts it again after it was killed, once nothing works in its folder any more."""
        wait_until(lambda: not working_in(self.folder / "data"))
        return self.start()

    def wait_ready(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        probe = "startupz" if "RESTORING" in self.environ else "readyz"  # one that waits for an archive is not ready
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            try:
                if httpx.get(f"{self.management_url}/{probe}").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        pytest.fail(f"not ready after {seconds} s:\n{self.log}")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def engine_pids(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def kill_engine(self) -> None:
        """SIGKILL to the engine child; there must be one."""
        (pid,) = self.engine_pids()
        os.kill(pid, signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)


def working_in(folder: Path) -> list[int]:
    """Processes whose working directory this is: an engine's, that of its data."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(process / "cwd") == str(folder):
                found.append(int(process.name))
    return found


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Returns once it is true; for what happens in another process and sends no event."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true after {seconds} s"
        time.sleep(0.02)
