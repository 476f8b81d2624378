"""Index files that are not to be trusted, replaced while the engine is stopped.

Three sources, the first that proves itself: the files as they are, where the last seal still holds
for them (nobody wrote to that collection); the segment's checkpoint; nothing at all. The engine
replays from the queue whatever the source does not hold.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import Enum

from vectorstore_instance.engine import positions
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.positions import Index

log = logging.getLogger(__name__)


class Source(Enum):
    """Where an index comes from."""

    KEPT = "its files, which nobody wrote to"
    CHECKPOINT = "its checkpoint and the queue"
    QUEUE = "the queue"


@dataclass(frozen=True)
class Repair:
    """One segment's files, replaced or proven."""

    index: Index
    source: Source
    spoilt: bool
    """Whether its checkpoint did not verify."""


def repair_all(disk: Disk, doubted: Container[str]) -> list[Repair]:
    """Repairs every index after an end that nobody witnessed, and removes what belongs to none."""
    indices = positions.indices(disk.tables.path)
    known = {index.segment for index in indices}
    for folder in disk.segment_folders():
        if folder.name not in known:
            shutil.rmtree(folder)
    disk.checkpoints.keep(known)
    return repair(disk, indices, doubted)


def repair(disk: Disk, indices: Iterable[Index], doubted: Container[str] = ()) -> list[Repair]:
    """Replaces the files of these segments and sets the positions the engine replays from.

    Args:
        disk: the folder; the engine has let go of it.
        indices: the segments.
        doubted: segments that are made from the queue alone, whatever their files prove.
    """
    made = {index.segment: _replace(disk, index, trust=index.segment not in doubted) for index in indices}
    positions.shorten(disk.tables.path)
    positions.put(disk.tables.path, {segment: position for segment, (_, position) in made.items()})
    return [done for done, _ in made.values()]


def _replace(disk: Disk, index: Index, *, trust: bool) -> tuple[Repair, int | None]:
    folder, segment = disk.index(index.segment), index.segment
    if index.position is None and not folder.exists():  # nothing was written yet
        return Repair(index, Source.KEPT, spoilt=False), None
    sealed = disk.last_seal().get(segment) if trust else None
    if sealed is not None and sealed.holds(folder):
        return Repair(index, Source.KEPT, spoilt=False), sealed.position
    shutil.rmtree(folder, ignore_errors=True)
    expected = disk.checkpoints.position(segment)
    if trust and expected is not None:
        position = disk.checkpoints.put_back(segment, folder)
        if position is not None:
            return Repair(index, Source.CHECKPOINT, spoilt=False), position
        log.error("collection %s (%s): its checkpoint is damaged and was removed", index.name, index.collection)
    disk.checkpoints.drop(segment)
    return Repair(index, Source.QUEUE, spoilt=expected is not None), None
