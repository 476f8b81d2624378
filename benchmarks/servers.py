"""The servers that are compared: `chroma run` of the pinned wheel, a plain FastAPI server, and ours."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

KEY = "a-key-for-this-benchmark"
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
CHROMA, PLAIN, LEAN, OURS = "chroma run", "plain FastAPI", "lean chroma", "vectorstore"
"""`lean chroma` is Chroma's own server entered without importing the chromadb package."""
_LEAN = "import sys, chromadb_rust_bindings; chromadb_rust_bindings.cli(['chroma', *sys.argv[1:]])"


def free_port() -> int:
    """A loopback port nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@dataclass
class Server:
    """A server process in a folder of its own."""

    name: str
    environ: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="vectorstore-benchmark-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    database: str = DATABASE

    def start(self) -> float:
        """Starts it and returns the time of its exec; it may not answer yet."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        if "PYTHONPATH" in os.environ:
            environ["PYTHONPATH"] = os.environ["PYTHONPATH"]
        command, more = self._command()
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            env=environ | more | self.environ,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return began

    def _command(self) -> tuple[list[str], dict[str, str]]:
        data, port = str(self.folder / "data"), str(self.port)
        run = ["run", "--path", data, "--port", port]
        match self.name:
            case "chroma run":
                return [str(Path(sys.executable).with_name("chroma")), *run], {}
            case "lean chroma":
                return [sys.executable, "-c", _LEAN, *run], {}
            case "plain FastAPI":
                return [sys.executable, str(Path(__file__).with_name("plain_server.py")), data, port], {}
            case _:
                (self.folder / "keys").mkdir(exist_ok=True)
                (self.folder / "keys" / "read-write").write_text(KEY)
                return [sys.executable, "-m", "vectorstore_instance"], {
                    "DATA_DIR": data,
                    "KEYS_DIR": str(self.folder / "keys"),
                    "PORT": port,
                    "MANAGEMENT_PORT": str(free_port()),
                    "MAX_DOCS": "1000000",
                }

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """One request with the key; waits for a server that is starting.

        Raises:
            RuntimeError: the server ended, or answered with an error.
        """
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            body,
            {"x-chroma-token": KEY, "content-type": "application/json"},
            method="GET" if body is None else "POST",
        )
        while True:
            try:
                with urllib.request.urlopen(request) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                raise RuntimeError(f"{self.name}: {path}: {error.code} {error.read()[:300]!r}") from None
            except OSError:
                if self.process is None or self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended") from None
                time.sleep(0.002)

    def pids(self) -> list[int]:
        """The server's process and its children."""
        assert self.process is not None
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [self.process.pid, *map(int, found.stdout.split())]

    def pss_mib(self) -> float:
        """Proportional memory of all its processes, in MiB."""
        total = 0
        for pid in self.pids():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        return total / 1024

    def stop(self) -> None:
        """Ends it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
