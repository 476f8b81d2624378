"""Which request needs which key: the one table for every face of the tenant port.

Everything needs a key, but for the few paths that say nothing about the tenant. A request that only
reads may be a POST (a query has a body), so reads are named and everything else counts as a write.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import MutableMapping
from typing import Any

from vectorstore_instance.core.errors import forbidden, unauthorized
from vectorstore_instance.core.keys import Keys, Role

OPEN = re.compile(r"/|/healthz/?|/health/?|/api/v[12]/heartbeat|/docs(/.*)?|/openapi\.json/?")
"""Paths that answer without a key; `/healthz/` says more with one."""

READS = re.compile(r".*/(query|get|search)/?")
"""POST paths that change nothing."""


def authorize(scope: MutableMapping[str, Any], keys: Keys) -> Role | None:
    """The role a request acts in; None where it needs none and brought none.

    Raises:
        ApiError: 401 without a key or with an unknown one, 403 where the key does not allow this.
    """
    path: str = scope["path"]
    key = _key(scope["headers"])
    is_open = OPEN.fullmatch(path) is not None
    if not key:
        if is_open:
            return None
        raise unauthorized("a key is required: send it as Authorization: Bearer KEY or X-Chroma-Token: KEY")
    role = keys.role(key)
    if role is None or not role.reads:
        raise unauthorized("the key is not one of this store's; the current ones are in its credentials")
    if not (role.writes or is_open or reads(scope["method"], path)):
        raise forbidden(f"{scope['method']} {path} changes data and the key is read-only; use the read-write key")
    return role


def reads(method: str, path: str) -> bool:
    """Whether a request changes nothing."""
    return method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and READS.fullmatch(path) is not None)


def _key(headers: list[tuple[bytes, bytes]]) -> str:
    """The key in a request: a bearer token, Chroma's own header, or the password of HTTP Basic."""
    for name, raw in headers:
        value = raw.decode("latin-1").strip()
        if name == b"x-chroma-token":
            return value.removeprefix("Bearer ").strip()
        if name == b"authorization":
            scheme, _, rest = value.partition(" ")
            if scheme.lower() == "bearer":
                return rest.strip()
            if scheme.lower() == "basic":
                return _password(rest)
    return ""


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
