"""The first file of an index, as hnswlib writes it: how many slots there are, and what they take."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

_LAYOUT = struct.Struct("<i6QiI3QdQ")
"""version; offset, room, slots, bytes per slot, two offsets; level, entry; maxM, maxM0, M; mult; ef_construction."""


class Header(NamedTuple):
    """What an index is like."""

    slots: int
    """Rows it has and had: a slot is never given to another row, and a deleted row keeps its own."""
    slot_bytes: int
    """Bytes of one slot: vector, neighbours, label."""
    neighbours: int
    ef_construction: int


def read_header(folder: Path) -> Header | None:
    """The header of an index; None where there is none, or not a whole one."""
    try:
        fields = _LAYOUT.unpack((folder / "header.bin").read_bytes())
    except (OSError, struct.error):
        return None
    return Header(fields[3], fields[4], fields[11], fields[13])
