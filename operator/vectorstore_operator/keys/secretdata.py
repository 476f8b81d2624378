"""What Secrets hold: text, in base64, and keys."""

from __future__ import annotations

import base64
import secrets

from vectorstore_operator.objects import Object


def encoded(text: str) -> str:
    """Text as an entry of a Secret has it."""
    return base64.b64encode(text.encode()).decode()


def decoded(secret: Object, entry: str) -> str:
    """An entry as text, empty where it is not there."""
    return base64.b64decode((secret.get("data") or {}).get(entry, "")).decode(errors="replace")


def fresh_key() -> str:
    """256 random bits, as text that survives URLs and headers."""
    return secrets.token_urlsafe(32)
