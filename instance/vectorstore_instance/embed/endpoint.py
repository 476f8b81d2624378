"""An OpenAI-compatible endpoint over HTTP: one POST, its retries, and its failures in words.

What passes by itself is tried again within a budget: a lost connection, a 5xx, and 429 after the
time that Retry-After names. What does not pass is told at once: a refused key, an unknown model, a
wrong request. The endpoint's own words are repeated only where they cannot hold the key.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vectorstore_instance.core.errors import ApiError, invalid, unavailable
from vectorstore_instance.core.watched import Watched
from vectorstore_instance.embed.circuit import PAUSE, Circuit
from vectorstore_instance.embed.openai import NO_QUOTA, Said, read_error, seconds

if TYPE_CHECKING:
    from aiohttp import ClientSession, StreamReader

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
ATTEMPT_SECONDS = 30.0
"""A batch on a slow machine takes a while; what takes longer than this does not come."""
BUDGET_SECONDS = 60.0
"""All attempts of one batch together, waits included."""
FIRST_WAIT = 0.5
"""Seconds before the second attempt; each later wait is twice as long, give or take a quarter."""
CONCURRENT = 8
"""Requests to the endpoint at the same time, whoever asks."""
UNUSABLE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})


@dataclass(frozen=True)
class Clock:
    """Time, so that tests need not wait for it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class _Passing(Exception):
    """A failure that may be over at the next attempt."""

    def __init__(self, reason: str, status: int = HTTPStatus.SERVICE_UNAVAILABLE, wait: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.wait = wait
        """Seconds that the endpoint asked for."""


class Refused(Exception):
    """The endpoint does not take what was sent: 400, 413 or 422, with its own words."""


class Endpoint:
    """One URL that embeds."""

    def __init__(self, base: str, key_file: Path | None, clock: Clock) -> None:
        """Connects to nothing yet.

        Raises:
            ValueError: the URL or the key's file is wrong; says how.
        """
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError(
                f"EMBED_URL: {parts._replace(netloc=parts.netloc.rpartition('@')[2], query='').geturl()!r} is not the "
                "base URL of an endpoint; give one such as https://host/v1, and its key in EMBED_KEY_FILE"
            )
        self.url = f"{base.rstrip('/')}/embeddings"
        self._key = Watched([key_file], lambda: _read_key(key_file)) if key_file else None
        self._clock = clock
        self._circuit = Circuit(clock.now)
        self._turns = asyncio.Semaphore(CONCURRENT)
        self._session: ClientSession | None = None

    async def post(self, body: bytes, most: int) -> bytes:
        """The body of its answer to a JSON body.

        Args:
            body: the request.
            most: bytes that an answer may have.

        Raises:
            Refused: it does not take this request.
            ApiError: 503 it is down or busy; 504 it does not answer in time; 502 it refused the key, has no
                such model, or answered what nobody asked for.
        """
        async with self._turns:
            deadline = self._clock.now() + BUDGET_SECONDS
            wait = FIRST_WAIT
            while True:
                if (pause := self._circuit.wait()) > 0:
                    raise self._down(self._circuit.reason, pause)
                try:
                    answer = await self._attempt(body, most)
                except _Passing as problem:
                    asked = problem.wait or 0  # less than the first wait says nothing: a date of a slow clock is past
                    rest = asked if asked >= FIRST_WAIT else wait * random.uniform(0.75, 1.25)  # noqa: S311
                    if self._circuit.down or self._clock.now() + rest > deadline:
                        raise self._down(str(problem), problem.wait or PAUSE, problem.status) from None
                    await self._clock.sleep(rest)
                    wait *= 2
                else:
                    self._circuit.succeeded()
                    return answer

    async def close(self) -> None:
        """Closes its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _attempt(self, body: bytes, most: int) -> bytes:
        # A quarter of a second at the first text, in which others are served.
        await asyncio.to_thread(importlib.import_module, "aiohttp")
        import aiohttp

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=ATTEMPT_SECONDS, sock_connect=CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        key = self._key.current if self._key else None
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        try:
            async with self._session.post(self.url, data=body, headers=headers, allow_redirects=False) as reply:
                found = await _read(reply.content, most)
                if reply.status == HTTPStatus.OK:
                    return found
                self._raise(reply.status, reply.headers.get("retry-after"), read_error(found, key))
        except TimeoutError:
            reason = f"did not answer within {ATTEMPT_SECONDS:g} s"
            self._circuit.failed(reason)
            raise _Passing(reason, HTTPStatus.GATEWAY_TIMEOUT) from None
        except aiohttp.ClientError as problem:
            reason = f"cannot be reached ({problem or type(problem).__name__})"
            self._circuit.failed(reason)
            raise _Passing(reason) from None
        raise AssertionError

    def _raise(self, status: int, retry_after: str | None, said: Said) -> None:
        words = said.message and f": {said.message}"
        if status == HTTPStatus.TOO_MANY_REQUESTS and said.code != NO_QUOTA:
            self._circuit.succeeded()  # it is there, and says when
            raise _Passing(f"is asked too much (429{words})", wait=seconds(retry_after))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            self._circuit.failed(f"answers {status}")
            raise _Passing(f"answers {status}", wait=seconds(retry_after))
        self._circuit.succeeded()
        if status in UNUSABLE:
            raise Refused(said.message)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise self.useless(f"refuses the key ({status}); put a valid one into EMBED_KEY_FILE")
        if status == HTTPStatus.NOT_FOUND:
            raise self.useless(f"has no such model, or EMBED_URL is not its base URL ({status}{words})")
        raise self.useless(f"answers {status}{words}")

    def useless(self, reason: str) -> ApiError:
        """502: it answers, and not what is needed."""
        message = f"the embedding endpoint {self.url} {reason}"
        log.error("%s", message)
        return ApiError(HTTPStatus.BAD_GATEWAY, "InternalError", message, {"retry-after": "60"})

    def _down(self, reason: str, pause: float, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> ApiError:
        error = unavailable(f"the embedding endpoint {self.url} {reason}; try again later", max(1, math.ceil(pause)))
        error.status = status
        log.warning("%s", error.message)
        return error


def refused(problem: Refused) -> ApiError:
    """400: it does not take these texts, and says why."""
    return invalid(f"the embedding endpoint does not take this: {problem or 'it does not say why'}")


def _read_key(path: Path) -> str:
    try:
        key = path.read_text().strip()
    except OSError as problem:
        raise ValueError(f"EMBED_KEY_FILE: {path}: {problem.strerror}") from None
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError(f"EMBED_KEY_FILE: {path} holds no key on one line; put it there")
    return key


async def _read(content: StreamReader, most: int) -> bytes:
    parts, size = [], 0
    while part := await content.read(1 << 16):
        size += len(part)
        if size > most:
            break  # cut: what is left of it is no JSON
        parts.append(part)
    return b"".join(parts)
