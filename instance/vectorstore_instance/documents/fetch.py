"""Files by URL, from where the operator allows it and from nowhere else.

`DOCUMENT_URLS` lists URL prefixes, or says `presigned`: then any https URL of the public Internet that
bears a signature. Each step of a redirection has to pass the same test as the first, and each
connection is judged by the address it really goes to (`addresses`). Nothing of ours is sent along.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from vectorstore_instance.core.errors import invalid
from vectorstore_instance.documents.addresses import Forbidden, Reach, sockets
from vectorstore_instance.documents.kinds import Unreadable
from vectorstore_instance.settings import PRESIGNED

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from aiohttp.abc import AbstractResolver

SIGNATURES = frozenset({"x-amz-signature", "x-goog-signature", "signature", "sig"})
REDIRECTS = 3
SECONDS = 300.0
CONNECT_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Rules:
    """What may be fetched."""

    prefixes: tuple[SplitResult, ...]
    presigned: bool

    @classmethod
    def parse(cls, setting: str) -> Rules:
        """The rules that `DOCUMENT_URLS` states."""
        parts = [part.strip() for part in setting.split(",") if part.strip()]
        return cls(tuple(urlsplit(part) for part in parts if part != PRESIGNED), PRESIGNED in parts)

    def reach(self, url: str) -> Reach:
        """How far a request for this URL may go.

        Raises:
            ApiError: 400 it is not to be fetched at all; says why.
        """
        shown = source_of(url)
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError as problem:
            raise invalid(f"urls: {shown!r} is not a URL: {problem}") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise invalid(f"urls: {shown!r} is not an https:// or http:// URL")
        if parts.username is not None or not url.isascii() or any(c.isspace() or c == "\\" for c in url):
            raise invalid(
                f"urls: {shown!r} holds a password, a blank or a sign that belongs percent-encoded; leave it out"
            )
        for prefix in self.prefixes:
            here = (parts.scheme, parts.hostname, port)
            there = (prefix.scheme, prefix.hostname, prefix.port or _PORTS.get(prefix.scheme))
            if here == there and parts.path.startswith(prefix.path) and ".." not in unquote(parts.path):
                return "named" if _is_address(parts.hostname) else "private"
        if not self.presigned:
            allowed = (
                "does not begin with what DOCUMENT_URLS allows"
                if self.prefixes
                else "is no use: DOCUMENT_URLS is empty"
            )
            raise invalid(f"urls: {shown!r} {allowed}; upload the file, or have its site listed there")
        names = {name.lower() for name, _ in parse_qsl(parts.query)}
        if parts.scheme != "https" or not names & SIGNATURES:
            raise invalid(
                f"urls: {shown!r} is no presigned https URL (no signature in its query); get one, or upload the file"
            )
        return "public"


def source_of(url: str) -> str:
    """A URL as it may be shown: without its query, which can hold a signature."""
    return url.partition("?")[0].partition("#")[0]


async def fetch(
    rules: Rules, url: str, out: Path, most: int, *, resolver: AbstractResolver | None = None
) -> tuple[int, str]:
    """Brings a file to disk, durably.

    Args:
        rules: what may be fetched.
        url: where it is.
        out: where it goes.
        most: bytes it may have.
        resolver: what knows the addresses of hosts; the system's own where left out.

    Returns:
        Its size in bytes, and what the server says it is.

    Raises:
        Unreadable: it cannot be had; says why.
        ApiError: 400 as `Rules.reach`.
    """
    import aiohttp
    from yarl import URL

    try:
        async with asyncio.timeout(SECONDS):
            for _ in range(REDIRECTS + 1):
                reach = rules.reach(url)
                connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, socket_factory=sockets(reach))
                async with (
                    aiohttp.ClientSession(
                        connector=connector,
                        cookie_jar=aiohttp.DummyCookieJar(),
                        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=60),
                        trust_env=False,
                    ) as session,
                    session.get(url, allow_redirects=False) as response,
                ):
                    if response.status not in _MOVED:
                        return await _save(response, out, most), response.headers.get("content-type", "")
                    url = str(response.url.join(URL(response.headers.get("location", ""))))
            raise Unreadable(f"it is redirected more than {REDIRECTS} times; give the URL it ends at")
    except TimeoutError:
        raise Unreadable(f"its server did not send it within {SECONDS:.0f} s; try again, or upload the file") from None
    except aiohttp.ClientConnectorError as problem:
        raise Unreadable(_unreachable(problem.os_error)) from None
    except (aiohttp.ClientError, ValueError) as problem:
        raise Unreadable(f"its server broke off: {type(problem).__name__}; try again, or upload the file") from None


async def _save(response: ClientResponse, out: Path, most: int) -> int:
    if response.status != 200:
        hint = "; a presigned URL may have expired" if response.status in (401, 403) else ""
        raise Unreadable(f"its server answered {response.status}, not the file{hint}")
    size = 0
    with out.open("wb") as file:
        async for block in response.content.iter_chunked(_BLOCK):
            size += len(block)
            if size > most:
                raise Unreadable(f"it has more than the {most} bytes that one file may have; split it")
            await asyncio.to_thread(file.write, block)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return size


def _unreachable(problem: OSError) -> str:
    if isinstance(problem, Forbidden):
        return f"it may not be fetched: {problem}"
    return f"its server cannot be reached ({problem.strerror or problem}); is the URL right?"


def _is_address(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
