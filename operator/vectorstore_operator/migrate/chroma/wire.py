"""Requests to a Chroma server: one session, what is worth trying again, and its refusals in words.

Everything that is sent here may be sent twice, so a broken connection is no reason to give up.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
import msgspec

from vectorstore_operator.local import Problem

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""A store that was killed, or moves to another node, is back by then."""
_LONGEST_WAIT = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=300, sock_connect=10)
_AWAY = {502, 503, 504}


class Refused(Problem):
    """A server's answer that trying again does not change."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Address:
    """Where a Chroma server is, and how it lets one in."""

    name: str
    """What messages call it."""
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Among them the key."""
    tls: ssl.SSLContext | bool = True
    """False where the way there ends in the very process, whatever its certificate says."""


class Wire:
    """A session with one server; a context manager that closes it."""

    def __init__(self, address: Address, patience: float = PATIENCE_SECONDS) -> None:
        """
        Args:
            address: the server.
            patience: so many seconds it may be away, or ask to be left alone.
        """
        self._address, self._patience = address, patience
        self._met = False

    @property
    def name(self) -> str:
        """What messages call the server."""
        return self._address.name

    async def __aenter__(self) -> Wire:
        connector = aiohttp.TCPConnector(limit=8, ssl=self._address.tls)
        self._session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, headers=self._address.headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, body: object = None) -> bytes:
        """An answer's body.

        Args:
            method: of HTTP.
            path: behind the URL.
            body: what is sent as JSON.

        Raises:
            Refused: the server does not do it, and says why.
            Problem: it cannot be reached.
        """
        data = None if body is None else msgspec.json.encode(body)
        deadline, wait = time.monotonic() + self._patience, 0.1
        while True:
            try:
                async with self._session.request(method, self._address.url + path, data=data, headers=_JSON) as answer:
                    content = await answer.read()
                    if answer.status < 400:
                        return content
                    asked = _try_again(answer.status, answer.headers, content)
                    if asked is None or time.monotonic() > deadline:
                        raise Refused(f"{self.name}: {_explain(answer.status, content)}", answer.status)
                    wait = asked or wait
            except (aiohttp.ClientConnectorCertificateError, aiohttp.InvalidURL) as error:
                raise Problem(f"{self.name}: {error}; a certificate of your own: SSL_CERT_FILE=FILE") from None
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if time.monotonic() > deadline or not self._met:
                    raise Problem(f"{self.name} gives no answer at {self._address.url}: {_said(error)}") from None
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def read(self, method: str, path: str, shape: type[T], body: object = None) -> tuple[T, int]:
        """An answer, and how many bytes it had.

        Raises:
            Problem: besides those of `request`, it is of another shape.
        """
        content = await self.request(method, path, body)
        try:
            return msgspec.json.decode(content, type=shape), len(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(f"{self.name}: {method} {path}: an answer that is none of Chroma's: {error}") from None

    async def meet(self) -> None:
        """Sees whether a Chroma server is there, without waiting for one.

        Raises:
            Problem: there is none.
        """
        try:
            answer = msgspec.json.decode(await self.request("GET", "/api/v2/heartbeat"))
        except (msgspec.DecodeError, Refused) as error:
            told = error if isinstance(error, Refused) else f"{self.name}: what answers is no Chroma server"
            need = "it is to have version 2 of Chroma's API (Chroma 0.5.16 or newer)"
            raise Problem(f"{told}; {need}; of an older one, stop the server and name its folder") from None
        if not isinstance(answer, dict) or "nanosecond heartbeat" not in answer:
            raise Problem(f"{self.name}: what answers at {self._address.url} is no Chroma server")
        self._met = True


_JSON = {"content-type": "application/json"}


def _try_again(status: int, headers: Mapping[str, str], content: bytes) -> float | None:
    """Seconds to wait, 0 for as long as we like; None where it would change nothing."""
    if status not in _AWAY and not (status == 429 and _told(content).get("error") == "RateLimitError"):
        return None
    try:
        return min(float(headers.get("retry-after", "0")), PATIENCE_SECONDS)
    except ValueError:
        return 0.0


def _told(content: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return told if isinstance(told, dict) else {}


def _explain(status: int, content: bytes) -> str:
    message = str(_told(content).get("message") or content[:200].decode(errors="replace") or f"HTTP {status}")
    if status == 401:
        return f"it does not take the key: {message}"
    if status == 403:
        return f"the key may not do this: {message}; use one that may (read-write to import)"
    return message


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
