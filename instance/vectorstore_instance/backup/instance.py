"""An instance's management port: what it takes a snapshot by, and what it is restored by."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.pipe import Stream
from vectorstore_instance.backup.result import Reason

_SECONDS = 1800.0
"""For the first byte of an answer: a large store is copied, or compared row by row, before it comes."""
_KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}
"""So that a node that is gone is noticed in a minute and a half all the same."""
_OF_HEADER: dict[str, Reason] = {
    "Busy": "StoreBusy",
    "HoldsData": "StoreRefused",
    **{reason: reason for reason in ("Corrupt", "Differs", "DiskFull", "NewerFormat", "WrongModel")},
}
_OF_STATUS: dict[int, Reason] = {
    401: "StoreRefused",
    403: "StoreRefused",
    404: "StoreRefused",
    409: "StoreBusy",
    501: "StoreRefused",
    503: "StoreBusy",
    507: "DiskFull",
}
_T = TypeVar("_T")


class Port:
    """One instance's management port."""

    def __init__(self, url: str, token: str) -> None:
        """
        Args:
            url: of the port.
            token: the admin key.
        """
        self._url = urlsplit(url)
        self._where = f"{self._url.scheme}://{self._url.netloc}"
        self._token = token

    @contextmanager
    def snapshot(self, store: str) -> Iterator[tuple[Stream, int]]:
        """A snapshot that begins, and how many bytes it unpacks to.

        Args:
            store: which store it is, for the archive to say so.

        Raises:
            Failure: `StoreAway`, `StoreBusy`, `StoreRefused`, `DiskFull`; also from the stream.
        """
        with self._asked("GET", f"/admin/snapshot?store={quote(store, safe='')}") as answer:
            yield _Sent(answer, self._unbroken), int(answer.headers.get("x-vectorstore-bytes", 0))

    def restore(self, parts: Iterable[bytes], *, replace: bool, run: str) -> None:
        """Has the instance take an archive; returns when it says that it has.

        Args:
            parts: of the archive.
            replace: whether what the store holds may go for it.
            run: which restore it is; empty where that does not count.

        Raises:
            Failure: it does not.
        """
        asked = urlencode(({"replace": "true"} if replace else {}) | ({"run": run} if run else {}))
        with (
            self._asked("POST", f"/admin/restore?{asked}".rstrip("?"), parts) as answer,
            self._unbroken(),
        ):
            answer.read()

    def restored(self) -> dict[str, Any]:
        """How far a restore is: `phase`, `error`, and `restored` once it is done.

        Raises:
            Failure: `StoreAway`, `StoreRefused`.
        """
        with self._asked("GET", "/admin/restore") as answer, self._unbroken():
            return dict(json.load(answer))

    @contextmanager
    def _asked(self, method: str, path: str, parts: Iterable[bytes] | None = None) -> Iterator[HTTPResponse]:
        connection = self._connected()
        opened = connection.sock
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            with self._unbroken():
                # Who refuses an archive does not read it to its end: the answer is there, or its absence tells.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, path, parts, headers, encode_chunked=parts is not None)
                answer = connection.getresponse()
                if answer.status != 200:
                    raise _refused(self._where, answer)
            yield answer
        finally:
            with suppress(OSError):  # another thread may be reading still
                opened.shutdown(socket.SHUT_RDWR)
            connection.close()

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as problem:
            told = f"{self._where}: the instance broke off: {_words(problem)}; look whether its pod runs"
            raise Failure("StoreAway", told) from None

    def _connected(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        connection = (
            HTTPSConnection(host, port, timeout=10, context=ssl.create_default_context())
            if self._url.scheme == "https"
            else HTTPConnection(host, port, timeout=10)
        )
        try:
            connection.connect()
        except OSError as problem:
            told = f"{self._where}: the instance cannot be reached: {_words(problem)}; look whether its pod runs"
            raise Failure("StoreAway", told) from None
        connection.sock.settimeout(_SECONDS)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            connection.sock.setsockopt(socket.IPPROTO_TCP, option, value)
        return connection


class _Sent:
    """What an instance sends."""

    def __init__(self, answer: HTTPResponse, unbroken: Callable[[], AbstractContextManager[None]]) -> None:
        self._answer = answer
        self._unbroken = unbroken

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end.

        Raises:
            Failure: `StoreAway`: that was not the end.
        """
        with self._unbroken():
            return self._answer.read(size)


def _refused(where: str, answer: HTTPResponse) -> Failure:
    body = answer.read(64 << 10)
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"it answers {answer.status}"
    reason = _OF_HEADER.get(answer.headers.get("x-vectorstore-reason", "")) or _OF_STATUS.get(answer.status, "Failed")
    again = answer.headers.get("retry-after", "")
    return Failure(reason, f"{where}: {message}", float(again) if again.isdecimal() else 2)


def _words(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__


def patiently(seconds: float, work: Callable[[], _T]) -> _T:
    """Does work again when the instance was away or busy, until so many seconds have gone since it first was.

    Raises:
        Failure: the last.
    """
    deadline = 0.0
    while True:
        try:
            return work()
        except Failure as failure:
            now = time.monotonic()
            deadline = deadline or now + seconds
            if failure.reason not in ("StoreAway", "StoreBusy") or now >= deadline:
                raise
            time.sleep(min(failure.again, deadline - now))  # for another machine: there is no event to wait for
