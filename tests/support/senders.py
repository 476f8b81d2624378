"""An instance's management port of which a test decides what it sends, and when: it stands for the real one to fail.

What it sends are archives as real as the writer of archives makes them, but of a database of noise: as large as a
test needs them, and of no use to an engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from vectorstore_instance.archive import Embedding, File, Manifest, pack

MIB = 1 << 20


def noise(folder: Path, size: int) -> tuple[Manifest, Path]:
    """The manifest and the folder of an archive of so many bytes."""
    folder.mkdir()
    content = os.urandom(size)
    (folder / "chroma.sqlite3").write_bytes(content)
    file = File(name="chroma.sqlite3", size=size, sha256=hashlib.sha256(content).hexdigest())
    manifest = Manifest(
        release="0",
        chromadb="1.5.9",
        taken=datetime.now(UTC),
        tenant="acme",
        embedding=Embedding(model="none", dimension=32, precision="none"),
        sequence=1,
        pause=0.0,
        collections=(),
        files=(file,),
    )
    return manifest, folder


class Sender:
    """A management port."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self._manifest = manifest
        self._folder = folder
        self.url = ""
        self.halfway = threading.Event()
        """Half of an archive has been sent."""
        self.go_on = threading.Event()
        """What the other half waits for."""
        self.breaks = 0
        """So many times the connection is closed instead of that."""
        self.refusals: list[tuple[int, dict[str, str], str]] = []
        """Answered at first, one a request: status, headers, message."""
        self.asked = 0

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        self.asked += 1
        if self.refusals:
            status, headers, message = self.refusals.pop(0)
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            body = json.dumps({"error": "Error", "message": message}).encode()
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        store = parse_qs(urlsplit(handler.path).query)["store"][0]
        archive = b"".join(pack(self._manifest.model_copy(update={"store": store}), self._folder))
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        half = len(archive) // 2
        _chunk(handler, archive[:half])
        self.halfway.set()
        if self.breaks:
            self.breaks -= 1
            handler.close_connection = True
            return
        self.go_on.wait(60)
        _chunk(handler, archive[half:])
        handler.wfile.write(b"0\r\n\r\n")


def _chunk(handler: BaseHTTPRequestHandler, block: bytes) -> None:
    handler.wfile.write(b"%x\r\n" % len(block))
    handler.wfile.write(block)
    handler.wfile.write(b"\r\n")


@contextmanager
def sending(sender: Sender) -> Iterator[Sender]:
    """It listens for as long as the context is."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            sender.serve(self)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Says nothing: a job that is killed or refused goes."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    sender.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield sender
    finally:
        sender.go_on.set()
        server.shutdown()
        server.server_close()
