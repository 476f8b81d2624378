"""One request on the tenant port, as those see it who limit, count, log and trace it.

Made when the request comes, filled in by the faces on its way, read when it has ended. It never holds
what the tenant sent or got: no vectors, texts, metadata or keys.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from vectorstore_instance.core.keys import Role


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
    """32 hex digits, which the answer bears as `chroma-trace-id`."""
    started: float = field(default_factory=time.monotonic)
    """Seconds of the monotonic clock."""
    caller: Caller | None = None
    """None for the few paths that need no key, and for whoever was turned away."""
    route: str = "other"
    """What the request is, in one of few words: for the labels of metrics."""
    rows: int = 0
    """Rows that a write names: how many, for the audit log."""
    status: int = 0
    """0 until the answer has begun."""
    error: str = ""
    """The class of the error it was answered with."""
    message: str = ""
    """What that error said."""
    seconds: float = 0.0
    """How long it took, once it has ended."""


def exchange_of(scope: MutableMapping[str, Any]) -> Exchange:
    """The exchange that a request belongs to."""
    found: Exchange = scope["state"]["exchange"]
    return found
