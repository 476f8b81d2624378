"""The table of limits in docs/limits.md, read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


class Documented(NamedTuple):
    """One limit as the page has it."""

    default: str
    status: int
    waits: bool
    """Whether its refusal says when to come again."""
    error: str
    example: str


def documented() -> dict[str, Documented]:
    """The limits of the first table, by name."""
    section = _PAGE.read_text().split("## Every limit")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            name, default, _, status, error, example = (
                cell.strip().strip("`") for cell in line.strip("|").split(" | ")
            )
            found[name.strip("` ")] = Documented(
                default, int(status[:3]), "Retry-After" in status, error, example.strip(" `|")
            )
    return found


def shape(message: str) -> str:
    """A message with its numbers made equal."""
    return re.sub(r"\d+(\.\d+)?", "N", message)
