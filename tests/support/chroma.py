"""Chroma's own server as a reference: the binary of the pinned wheel, without the chromadb package."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from tests.support.instances import free_port, wait_until

_LAUNCH = "import sys, chromadb_rust_bindings as b; b.cli(['chroma', 'run', sys.argv[1]])"


@contextlib.contextmanager
def chroma_run(folder: Path, port: int = 0, *, allow_reset: bool = False) -> Iterator[str]:
    """A running server and its URL; `port` starts it where it was before."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "port": port,
                "listen_address": "127.0.0.1",
                "persist_path": str(folder / "data"),
                "allow_reset": allow_reset,
                "max_payload_size_bytes": 1 << 30,
            }
        )
    )
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(url))
        yield url
    finally:
        process.kill()
        process.wait(30)


def answers(url: str) -> bool:
    """Whether a Chroma server is there."""
    try:
        return httpx.get(f"{url}/api/v2/heartbeat").status_code == 200
    except httpx.TransportError:
        return False
