"""One request on the tenant port, as those see it who limit, count, log and trace it.

Made when the request comes, filled in by the faces on its way, read when it has ended. It never holds
what the tenant sent or got: no vectors, texts, metadata or keys.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from vectorstore_instance.core.roles import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    role: Role
    name: str
    """For logs and audit: a digest's first characters, or a token's subject; never a key."""
    database: str | None = None
    """The one Chroma database of the default tenant that this caller may use; None: all of them."""


@dataclass(slots=True)
class Exchange:
    """One request and what came of it."""

    method: str
    path: str
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    """32 hex digits, which the answer bears as `chroma-trace-id`; also the id of its trace."""
    parent: str = ""
    """The W3C `traceparent` that it came with."""
    started: float = field(default_factory=time.monotonic)
    """Seconds of the monotonic clock."""
    caller: Caller | None = None
    """None for the few paths that need no key, and for whoever was turned away."""
    route: str = "other"
    """What the request is, in one of few words: for the labels of metrics."""
    rows: int = 0
    """Rows that a write names: how many, for the audit log."""
    tokens: int = 0
    """What the store's leader is still to take for it of the rate."""
    status: int = 0
    """0 until the answer has begun."""
    error: str = ""
    """The class of the error it was answered with."""
    message: str = ""
    """What that error said."""
    seconds: float = 0.0
    """How long it took, once it has ended."""


current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
"""The request that code runs for, for what is logged meanwhile. Work that outlives it sees its `seconds` set."""

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_TRACE_ID = re.compile(rb"(?!0{32})[0-9a-f]{32}")


def begin(scope: MutableMapping[str, Any]) -> Exchange:
    """The exchange of a request that has come, and from here on the current one.

    Its id is the caller's, from `traceparent` (W3C Trace Context) or else `chroma-trace-id`, where that
    is well-formed: a caller finds its request by an id it knows.
    """
    id_ = parent = b""
    for name, value in scope["headers"]:
        if name == b"traceparent" and (found := _TRACEPARENT.fullmatch(value)):
            id_, parent = found[1], value
        elif name == b"chroma-trace-id" and not parent and _TRACE_ID.fullmatch(value):
            id_ = value
    id_text = id_.decode() if id_ else secrets.token_hex(16)
    exchange = Exchange(scope["method"], scope["path"], id_text, parent.decode("latin-1"))
    current.set(exchange)
    return exchange


def note_rows(count: int) -> None:
    """Adds to the rows that the current request names; for those who read them in its body."""
    exchange = current.get()
    if exchange is not None:
        exchange.rows += count


def exchange_of(scope: MutableMapping[str, Any]) -> Exchange:
    """The exchange that a request belongs to."""
    found: Exchange = scope["state"]["exchange"]
    return found
