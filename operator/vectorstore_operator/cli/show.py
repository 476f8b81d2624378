"""What the user sees: tables, JSON, ages, and how a wait gets on.

What was asked for goes to standard output, how it goes to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

COLUMNS = {"NAME": "name", "PLAN": "plan", "STATE": "told", "DOCUMENTS": "used", "URL": "url"}
"""Heads of the table that `get` shows, and the field of each."""
USAGE = {
    "NAME": "name",
    "PLAN": "plan",
    "DOCUMENTS": "documents",
    "LIMIT": "limit",
    "USED": "percent",
    "BYTES": "size",
}
"""Those of `usage`."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))
_BAR = 24


def say(text: str) -> None:
    """Tells how it goes."""
    click.echo(text, err=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def stores(shown: Sequence[Mapping[str, Any]], columns: Mapping[str, str], output: str, one: bool) -> None:
    """Prints stores.

    Args:
        shown: their fields by name.
        columns: the heads of the table's columns, and the field of each.
        output: `table`, `json` or `name`.
        one: whether one was asked for, so that its JSON is no list.
    """
    if output == "json":
        click.echo(json.dumps(shown[0] if one else list(shown), indent=2))
    elif output == "name":
        for store in shown:
            click.echo(store["resource"])
    elif shown:
        click.echo(table([list(columns), *([_cell(store[field]) for field in columns.values()] for store in shown)]))


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else str(value)


def row(store: Mapping[str, Any], now: datetime) -> dict[str, str | None]:
    """What stands in a table instead of a store's fields: `told` as its state, `used`, such as `3/100`, and `age`."""
    told = [store["state"], *(word for word in ("Paused", "Refused") if store.get(word.lower()))]
    return {
        "told": ",".join(dict.fromkeys(told)),
        "used": f"{_cell(store['documents'])}/{_cell(store['limit'])}",
        "age": age(store.get("created"), now),
    }


def usage(store: Mapping[str, Any], now: datetime) -> dict[str, str | None]:
    """What a store uses, in words: `percent` of its documents, `size`, and since when it is `idle`."""
    documents, limit = store["documents"], store["limit"]
    return {
        "percent": f"{documents * 100 // limit} %" if documents is not None and limit else None,
        "size": amount(store["bytes"]),
        "idle": age(store.get("lastRequest"), now),
    }


def amount(size: int | None) -> str | None:
    """Bytes for people: `1.5 GiB`."""
    if size is None:
        return None
    value, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def age(moment: str | None, now: datetime) -> str | None:
    """How long ago an RFC 3339 time was: `5s`, `3m`, `2h`, `9d`."""
    if not moment:
        return None
    seconds = max(0, int((now - datetime.fromisoformat(moment).astimezone(UTC)).total_seconds()))
    return next((f"{seconds // unit}{letter}" for unit, letter in _UNITS if seconds >= unit), f"{seconds}s")


class Progress:
    """How a wait gets on: a bar that moves on a terminal, else a line whenever there is news."""

    def __init__(self) -> None:
        self._last = ""
        self._moves = sys.stderr.isatty()

    def tell(self, done: int, of: int, text: str) -> None:
        """So many steps of so many are done, and this is what is awaited."""
        if text == self._last:
            return
        self._last = text
        full = _BAR * min(done, of) // max(of, 1)
        bar = f"[{'#' * full}{'.' * (_BAR - full)}]"
        click.echo(f"\r\033[K{bar} {text[:100]}" if self._moves else text, err=True, nl=not self._moves)

    def end(self) -> None:
        """Leaves the bar where it is."""
        if self._moves and self._last:
            click.echo(err=True)
