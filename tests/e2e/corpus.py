"""A real corpus that is on every machine: the language reference inside Python."""

from __future__ import annotations

import re
from pydoc_data.topics import topics

LONGEST = 400
"""Characters in a passage: well within what the model reads."""


def passages(most: int) -> dict[str, str]:
    """Passages of the language reference by their id (topic and number), at most so many."""
    found = {
        f"{topic}-{number}": passage
        for topic in sorted(topics)
        for number, passage in enumerate(_split(topics[topic]))
        if len(passage) > LONGEST // 10
    }
    step = max(1, len(found) // most)
    return dict(list(found.items())[::step][:most])


def _split(text: str) -> list[str]:
    rules_cut = re.sub(r"([^\w\s])\1{3,}", r"\1\1\1", text)  # an underline is a token per character
    words = " ".join(rules_cut.split())
    return re.findall(rf".{{1,{LONGEST}}}(?:\s|$)", words)
