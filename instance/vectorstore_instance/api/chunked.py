"""Documents that were split: rows of their own, which name the document they are of.

A document `a` in three chunks is the rows `a#0`, `a#1` and `a#2`, each with the document's metadata
and three members more. By these it is found again as one: a search names it once, by its id, and
what is done to `a` is done to its rows. To Chroma's clients they are rows like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

SOURCE = "chunk_of"
"""Member of a chunk's metadata: the id of its document."""
NUMBER = "chunk_number"
"""Which of its chunks: 0 is the first."""
OFFSET = "chunk_offset"
"""Where in the document it begins, in characters."""
MEMBERS = (SOURCE, NUMBER, OFFSET)

_MARK = f'"{SOURCE}"'.encode()


class _Source(msgspec.Struct):
    chunk_of: str | None = None


def row(document: str, number: int) -> str:
    """The id of a chunk."""
    return f"{document}#{number}"


def metadata(document: str, number: int, offset: int, own: Mapping[str, Any] | None) -> dict[str, Any]:
    """A chunk's metadata: its document's, and where it is in that."""
    return {**(own or {}), SOURCE: document, NUMBER: number, OFFSET: offset}


def documents(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of an answer, the nearest first, as documents: each once, under its own id, as its nearest chunk."""
    seen = set()
    found = []
    for each in rows:
        source = _source(each["metadata"])
        if source in seen:
            continue
        if source is not None:
            seen.add(source)
            each["id"] = source
        found.append(each)
    return found


def _source(metadata: msgspec.Raw) -> str | None:
    """Whose chunk it is; most rows are nobody's, which a look at their bytes tells."""
    if _MARK not in bytes(metadata):
        return None
    try:
        return msgspec.json.decode(metadata, type=_Source).chunk_of
    except msgspec.ValidationError:  # a member of that name that is somebody's own
        return None
