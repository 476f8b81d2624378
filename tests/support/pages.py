"""The code on a page of the documentation, so that tests run what readers copy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_HEADING_OR_BLOCK = re.compile(r"^## (?P<heading>[^\n]+)$|^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Snippet:
    """Code that says what it prints."""

    language: str
    code: str
    prints: str


def snippets(page: str) -> dict[str, Snippet]:
    """By heading: the first code under it that is followed by its output, a block of `text`."""
    found: dict[str, Snippet] = {}
    heading, language, code = "", "", ""
    for part in _HEADING_OR_BLOCK.finditer((ROOT / page).read_text()):
        if part["heading"]:
            heading, language = part["heading"], ""
        elif part["language"] == "text" and language:
            found.setdefault(heading, Snippet(language, code, part["code"]))
        else:
            language, code = part["language"], part["code"]
    return found
