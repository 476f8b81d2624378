"""An instance that is fuzzed: raw requests to it, what every answer must be, and somebody else who wants service."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.support.instances import Running

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
LACKING = re.compile(
    r"/(search|fork|fork_count|functions/.*|attached_functions/.*)$|^/api/v2/(tenants|collections)/[^/]+$"
)
"""Paths whose documented answer may be 501: docs/chroma-api.md."""
PATIENCE = 60.0
"""Seconds for any one answer, on however busy a machine."""
_UNHELPFUL = re.compile(r"Traceback|panicked|the log says why|RustPanic|sqlx|object at 0x")


@dataclass
class Answer:
    """A status and a body."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Besieged:
    """A running instance and the means to beset it."""

    running: Running
    _connection: http.client.HTTPConnection | None = None
    statuses: dict[int, int] = field(default_factory=dict)
    """How often each was answered."""

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request as it is, however odd, on a connection that is kept; judged."""
        head = {"x-chroma-token": self.running.key(), "content-type": "application/json"} | headers
        for _ in range(2):
            connection = self._connection or http.client.HTTPConnection("127.0.0.1", self.running.port, PATIENCE)
            self._connection = connection
            try:
                connection.request(method, path, body, {name.replace("_", "-"): value for name, value in head.items()})
                reply = connection.getresponse()
                answer = Answer(reply.status, reply.read())
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()  # it was closed after an answer that said so
                self._connection = None
        else:
            raise AssertionError(f"{method} {path}: hung up without an answer, twice: {body!r}")
        if reply.will_close:
            connection.close()
            self._connection = None
        try:
            self.judge(answer, path, method == "HEAD")
        except Exception as problem:
            problem.add_note(f"{method} {path} {body!r:.2000}")
            raise
        return answer

    def judge(self, answer: Answer, path: str, no_body: bool = False) -> None:
        """Fails for an answer that is not a success and not a helpful refusal."""
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        assert answer.status < 500 or (answer.status == 501 and LACKING.search(path.partition("?")[0])), answer
        if answer.status >= 400 and not no_body:
            told = answer.json
            assert isinstance(told["error"], str), answer
            assert told["error"], answer
            assert len(told["message"]) > 5, answer
            assert len(told["message"]) < 5000, answer
            assert not _UNHELPFUL.search(told["message"]), answer

    def say(self, *parts: bytes, half_close: bool = False) -> list[Answer]:
        """Bytes on a connection of their own, and the answers that come until it is closed."""
        with socket.create_connection(("127.0.0.1", self.running.port), PATIENCE) as connection:
            with contextlib.suppress(OSError):  # refused, and hung up on, before it was all sent
                for part in parts:
                    connection.sendall(part)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while data := connection.recv(1 << 16):
                    received += data
        return list(_answers(received))

    @property
    def pids(self) -> list[int]:
        """The front and its engine."""
        return [self.running.pid, *self.running.engine_pids()]

    def memory(self) -> int:
        """Bytes that front and engine hold, as the kernel divides what they share."""
        total = 0
        for pid in self.pids:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.findall(r"^Pss:\s+(\d+) kB", rollup, re.M)[0]) << 10
        return total


def _answers(received: bytes) -> Iterator[Answer]:
    """HTTP/1.1 answers with a content-length, one behind the other."""
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        lengths = [int(line.partition(b":")[2]) for line in lines[1:] if line.lower().startswith(b"content-length:")]
        length = lengths[0] if lengths else len(rest)
        yield Answer(int(lines[0].split()[1]), rest[:length])
        received = rest[length:]


class Bystander:
    """Another caller, who asks the same simple question again and again and wants the same answer."""

    def __init__(self, running: Running, path: str) -> None:
        self._running = running
        self._path = path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.served = 0
        self.failures: list[str] = []

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        question = {"query_embeddings": [[1, 0, 0]], "n_results": 2, "include": ["documents"]}
        with httpx.Client(base_url=self._running.url, timeout=PATIENCE) as http:
            while not self._over.wait(0.02):
                try:
                    answer = http.post(self._path, json=question, headers={"x-chroma-token": self._running.key()})
                    assert answer.status_code == 200, answer.text
                    assert answer.json()["documents"] == [["near", "less near"]], answer.text
                    self.served += 1
                except Exception as problem:  # told in the test's own thread
                    self.failures.append(repr(problem))
