"""A server elsewhere that is asked: bounded in time and number, and known to be away when it is.

A server that cannot be reached is not tried by every request anew: after the first that failed, all are
answered 503 at once, until the watch finds it back. One that is slow holds up those who ask it, each for
a limited time, and so many at once: who comes beyond that is told to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from vectorstore_instance.core.errors import ApiError, unavailable
from vectorstore_instance.engine.client import TLS, Client, UpstreamLost, UpstreamSlow
from vectorstore_instance.engine.reply import Reply

log = logging.getLogger(__name__)

Headers = Callable[[], Mapping[str, str]]
"""What every request bears, as it is now; the same object while it has not changed."""


@dataclass(frozen=True)
class Patience:
    """How long is waited for what, in seconds, and how many may wait."""

    read: float = 30.0
    """For the answer to a read."""
    write: float = 120.0
    """For the answer to a write: the largest within the limits, on a slow disk."""
    turn: float = 5.0
    """For one's turn, when as many as may are asking."""
    reads: int = 64
    writes: int = 16
    """How many reads and writes may be under way at once: neither keeps the other waiting."""
    heartbeat: float = 5.0
    look_there: float = 2.0
    look_away: float = 0.5
    """Between two looks at a server that is there, and at one that is away."""


class Upstream:
    """One server, by its URL."""

    def __init__(self, url: str, headers: Headers, who: str, patience: Patience, tls: TLS | None = None) -> None:
        """
        Args:
            url: where it answers.
            headers: what it wants to see: a key.
            who: what messages call it.
            patience: how long to wait.
            tls: what verifies it; None: the system's authorities.

        Raises:
            ValueError: that is no URL.
        """
        self._url = url
        self._headers = headers
        self._borne = headers()
        self._who = who
        self._patience = patience
        self._client = Client(url, self._borne, tls)
        self._reads = asyncio.Semaphore(patience.reads)
        self._writes = asyncio.Semaphore(patience.writes)
        self._watch: asyncio.Task[None] | None = None
        self._look_now = asyncio.Event()
        self._away = False
        self._trouble = _SILENT
        """What is wrong with it, while it is away."""
        self.there = False
        """Whether it answered when it was last asked for its heartbeat."""

    def start(self) -> None:
        """Begins to look whether it answers."""
        self._watch = asyncio.create_task(self._look())

    def stop(self) -> None:
        """Closes the connections."""
        if self._watch is not None:
            self._watch.cancel()
        self._client.close()

    async def ask(self, method: str, path: str, body: bytes = b"", *, reads: bool, again: bool) -> Reply:
        """Sends one request.

        Args:
            method: of the request.
            path: path with query string, percent-encoded.
            body: JSON.
            reads: whether it changes nothing.
            again: whether it may be sent once more where a connection broke.

        Raises:
            ApiError: 503 it is away or too many ask; 504 it did not answer in time.
        """
        if self._away:
            raise self._gone()
        async with self._turn(self._reads if reads else self._writes):
            seconds = self._patience.read if reads else self._patience.write
            if (headers := self._headers()) is not self._borne:
                self._client.bear(headers)
                self._borne = headers
            try:
                return await self._try(method, path, body, seconds, again)
            except UpstreamSlow as slow:
                raise ApiError(
                    HTTPStatus.GATEWAY_TIMEOUT,
                    "InternalError",
                    f"{self._who} is slow: {slow}; " + ("try again" if reads else _UNSURE),
                    {"retry-after": "5"},
                ) from None
            except UpstreamLost as lost:
                log.warning("%s does not answer: %s", self._url, lost)
                self._look_now.set()
                self._away = self._away or not lost.reached
                raise self._gone(unsure=lost.reached and not reads) from None

    async def _try(self, method: str, path: str, body: bytes, seconds: float, again: bool) -> Reply:
        try:
            return await self._client.request(method, path, body, seconds)
        except UpstreamLost as lost:
            # A kept connection may have been closed while it was unused.
            if not again or not lost.reached or isinstance(lost, UpstreamSlow):
                raise
        return await self._client.request(method, path, body, seconds)

    @contextlib.asynccontextmanager
    async def _turn(self, slots: asyncio.Semaphore) -> AsyncIterator[None]:
        if slots.locked():
            try:
                async with asyncio.timeout(self._patience.turn):
                    await slots.acquire()
            except TimeoutError:
                raise unavailable(f"{self._who} is slow and too many wait for it; try again later", 5) from None
        else:
            await slots.acquire()
        try:
            yield
        finally:
            slots.release()

    def _gone(self, *, unsure: bool = False) -> ApiError:
        return unavailable(f"{self._who} {self._trouble}; " + (_UNSURE if unsure else "try again in a moment"), 2)

    async def _look(self) -> None:
        told: str | None = None
        while True:
            self._look_now.clear()
            trouble = await self._heart()
            there = not trouble
            if trouble != told:
                log.warning("%s %s", self._url, trouble or "answers")
                told = trouble
            self.there, self._away, self._trouble = there, not there, trouble or _SILENT
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience.look_there if there else self._patience.look_away):
                    await self._look_now.wait()

    async def _heart(self) -> str:
        """What is wrong with its heartbeat; empty while it beats."""
        try:
            reply = await self._client.request("GET", "/api/v2/heartbeat", b"", self._patience.heartbeat)
        except UpstreamLost:
            return _SILENT
        if reply.ok and _BEAT in reply.body:
            return ""
        return f"answers its heartbeat with {reply.status} and not as Chroma does (is its URL right, and its key?)"


_SILENT = "does not answer"
_BEAT = b"nanosecond heartbeat"
_UNSURE = "whether the request was carried out is not known: look, then send it again"
