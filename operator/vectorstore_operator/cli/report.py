"""What `status` tells of a store, in a cluster or on one machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import click

from vectorstore_operator.cli.show import table

NOT_READY = 3
"""Exit code of `status` for a store that is not ready: systemctl's for a unit that is not active."""


@dataclass(frozen=True)
class Report:
    """How a store fares."""

    ready: bool
    headline: str
    facts: list[str]
    why: list[str]
    """What is wrong, the first thing first; each names field, value and remedy as far as there are any."""
    todo: list[str]
    """Commands that come next."""
    pods: list[dict[str, str]] = field(default_factory=list)
    """What each does, by the heads of the table."""
    events: list[dict[str, str]] = field(default_factory=list)
    """Warnings of the last hour, the newest first, by the heads of the table."""
    log: list[str] = field(default_factory=list)
    """The last lines of its log, where that may say why."""


def tell(told: Report, output: str) -> None:
    """Prints it as `text` or `json`, and ends the command with an exit code of its own where the store is not ready."""
    click.echo(json.dumps(asdict(told), indent=2) if output == "json" else _text(told))
    if not told.ready:
        sys.exit(NOT_READY)


def _text(told: Report) -> str:
    parts = {
        "why": told.why,
        "pods": _table(told.pods),
        "events": _table(told.events),
        "log": told.log,
        "what to do": told.todo,
    }
    lines = [told.headline, *(f"  {fact}" for fact in told.facts)]
    for head, body in parts.items():
        if body:
            lines += ["", head, *(f"  {line}" for line in body)]
    return "\n".join(lines)


def _table(rows: Sequence[dict[str, str]]) -> list[str]:
    if not rows:
        return []
    heads = [head.upper() for head in rows[0]]
    return table([heads, *(list(row.values()) for row in rows)]).splitlines()
