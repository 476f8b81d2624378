"""Who asks and what they may do: the one table for every face of the tenant port.

Everything needs a key or a token, but for the few paths that say nothing about the tenant. A request
that only reads may be a POST (a query has a body), so reads are named and everything else counts as
a write.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, MutableMapping
from typing import Any, Protocol

from vectorstore_instance.core.errors import forbidden, unauthorized
from vectorstore_instance.core.exchange import Caller, Exchange
from vectorstore_instance.core.keys import Keys

OPEN = re.compile(r"/|/healthz/?|/health/?|/api/v[12]/heartbeat|/docs(/.*)?|/openapi\.json/?")
"""Paths that answer without a key; `/healthz/` says more with one."""

READS = re.compile(r".*/(query|get|search)/?")
"""POST paths that change nothing."""


WHOLE = re.compile(r"/(backup|restore)(/.*)?")
"""Paths that are about the store as a whole: for callers alone who may change all of it, whatever the method."""


class Tokens(Protocol):
    """Who else is let in: bearers of tokens that somebody else issued."""

    async def caller(self, token: bytes) -> Caller:
        """Whose token this is.

        Raises:
            ApiError: 401 it is not valid, 403 it allows nothing here, 503 nobody can tell at the moment.
        """
        ...


async def authenticate(scope: MutableMapping[str, Any], keys: Keys, tokens: Tokens | None = None) -> Caller | None:
    """Whose request this is; None for one that brings neither key nor token.

    Raises:
        ApiError: 401 what it brings is not known here; for tokens see `Tokens.caller`.
    """
    credential = _credential(scope["headers"])
    if not credential:
        return None
    caller = keys.caller(credential)
    if caller is None and tokens is not None and credential.count(b".") == 2:  # a JWT; a key has no dots
        return await tokens.caller(credential)
    if caller is None or not caller.role.reads:
        raise unauthorized("the key is not one of this store's; the current ones are in its credentials")
    return caller


def authorize(exchange: Exchange) -> None:
    """Lets a request pass whose caller may make it.

    Raises:
        ApiError: 401 it needs a key or a token and brought none, 403 its caller may only read, or only in one database.
    """
    caller, whole = exchange.caller, WHOLE.fullmatch(exchange.path) is not None
    if caller is not None and caller.role.writes:
        if whole and caller.database is not None:
            raise forbidden(
                f"{exchange.method} {exchange.path} is about the whole store, and the caller's token is for one "
                "database of it; use the store's read-write key"
            )
        return
    if OPEN.fullmatch(exchange.path):
        return
    if caller is None:
        raise unauthorized("a key is required: send it as Authorization: Bearer KEY or X-Chroma-Token: KEY")
    if whole:
        raise forbidden(f"{exchange.method} {exchange.path} wants the read-write key, and the caller may only read")
    if not reads(exchange.method, exchange.path):
        raise forbidden(
            f"{exchange.method} {exchange.path} changes data and the caller may only read; use the read-write key"
        )


def reads(method: str, path: str) -> bool:
    """Whether a request changes nothing."""
    return method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and READS.fullmatch(path) is not None)


def _credential(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key or token in a request: as bearer token, in Chroma's own header, or as password of HTTP Basic."""
    for name, value in headers:
        if name == b"x-chroma-token":
            return value.removeprefix(b"Bearer ").strip()
        if name == b"authorization":
            scheme, _, rest = value.strip().partition(b" ")
            scheme = scheme.lower()
            if scheme == b"bearer":
                return rest.strip()
            if scheme == b"basic":
                return _password(rest)
    return b""


def _password(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
