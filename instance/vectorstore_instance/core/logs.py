"""The log: one event per line, as text for people or as a JSON object for collectors.

An event may bear `fields` (`log.info(..., extra={"fields": {...}})`): members of the object, or
`name=value` behind the text. What is logged while a request is under way bears its id. Whatever a message
contains, it stays one line: a path that a stranger chose cannot forge an event.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from vectorstore_instance.core.exchange import current

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure(form: Literal["text", "json"]) -> None:
    """Sends every logger's events, the HTTP server's among them, to standard error in one form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """An event as a line of text; a stack trace follows on lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line."""
        line = _CONTROL.sub(_escaped, super().formatMessage(record))
        return " ".join((line, *(f"{name}={_json(value)}" for name, value in _fields(record).items())))


class JsonLines(logging.Formatter):
    """An event as a JSON object: time, level, logger, message, request, its fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        exchange = current.get()
        if exchange is not None and not exchange.seconds:  # a task that it began may outlive it
            event["request"] = exchange.id
        event.update(_fields(record))
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return _json(event)


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(record, "fields", {})
    return found


def _json(value: object) -> str:
    try:
        text = msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # half of a surrogate pair: readable is better than lost
        text = msgspec.json.encode(_printable(value), enc_hook=str).decode()
    # JSON leaves those beyond ASCII as they are, and some readers end a line there.
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _printable(value: object) -> object:
    if isinstance(value, dict):
        return {key: _printable(member) for key, member in value.items()}
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
