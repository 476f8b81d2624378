"""An OpenAI-compatible endpoint on loopback that embeds texts by their digests."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import numpy as np

DIMENSION = 8
KEY = "sk-of-the-endpoint"


class Handler(BaseHTTPRequestHandler):
    """Embeds by the digest of each text: the same text has the same vector. Wants a key."""

    down = False

    def do_POST(self) -> None:
        body = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
        if type(self).down:
            self._say(500, {})
        elif self.headers["authorization"] != f"Bearer {KEY}":
            self._say(401, {"error": {"message": f"Incorrect key {self.headers['authorization']}"}})
        else:
            vectors = [hashlib.sha256(text.encode()).digest()[:DIMENSION] for text in body["input"]]
            made = [base64.b64encode(np.frombuffer(v, "u1").astype("<f4").tobytes()).decode() for v in vectors]
            self._say(200, {"data": [{"index": index, "embedding": v} for index, v in enumerate(made)]})

    def _say(self, status: int, content: object) -> None:
        answer = msgspec.json.encode(content)
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def served() -> Iterator[str]:
    """Its base URL."""
    Handler.down = False
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()
