"""What is worth doing without being asked, by the waste there is."""

from __future__ import annotations

from vectorstore_instance.engine.maintenance.operation import Name
from vectorstore_instance.engine.maintenance.reclaimable import Waste

QUIET_SECONDS = 30.0
"""So long no request must have come before anything is begun."""
LOOK_SECONDS = 60.0
"""How often it is looked whether there is anything to do."""
AGAIN_SECONDS = 3600.0
"""The same is not done again sooner: what did not help or failed shall not go round and round."""

COMPACT_PART, COMPACT_LEAST = 0.3, 2000
"""Superseded operations lengthen a replay (0.6 ms each) and take 2 KB each. Below a third of the queue, or
some seconds of replay, reading the whole queue to find them costs more than it gives."""
REBUILD_PART, REBUILD_LEAST = 0.5, 2000
"""With more than half of its slots deleted an index is twice as large as it need be, in memory too. A rebuild
takes half a millisecond per row that is left; below some thousand slots there is nothing to be had."""
VACUUM_PART, VACUUM_LEAST = 0.5, 64 << 20
"""Free pages are used by the next writes. They are worth giving back where they are most of the file, and
enough to matter on the smallest volume; a vacuum holds up writes by a second per some 100 MB."""


def due(waste: Waste) -> list[tuple[Name, str | None]]:
    """What should be done, the first first: operation, and the id of the collection it is about."""
    found: list[tuple[Name, str | None]] = []
    if waste.orphans:
        found.append(("collect", None))
    if waste.superseded >= max(COMPACT_LEAST, COMPACT_PART * waste.operations):
        found.append(("compact", None))
    for index in waste.indices:
        if index.slots >= REBUILD_LEAST and index.deleted > REBUILD_PART * index.slots:
            found.append(("rebuild", index.collection))
    if waste.free >= max(VACUUM_LEAST, VACUUM_PART * waste.database):
        found.append(("vacuum", None))
    return found
