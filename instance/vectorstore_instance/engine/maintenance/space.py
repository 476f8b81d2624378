"""`vacuum`: gives the free pages of the database back to the volume. Reads go on, writes wait."""

from __future__ import annotations

import shutil

from vectorstore_instance.engine import changes
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.maintenance.operation import NoRoom, Operation, Store, in_thread

MARGIN = 16 << 20
"""Bytes that stay free on the volume, for the writes that go on."""


def check_room(disk: Disk, needed: int, what: str) -> None:
    """
    Args:
        disk: the volume.
        needed: bytes.
        what: what needs them.

    Raises:
        NoRoom: there is less room than that; says how much there is.
    """
    free = shutil.disk_usage(disk.folder).free
    if free < needed + MARGIN:
        raise NoRoom(
            f"{what} needs {needed + MARGIN} free bytes on the volume, and there are {free}; "
            "make the volume larger, or delete documents"
        )


def vacuum_room(disk: Disk) -> None:
    """Checks that there is room for a vacuum.

    SQLite writes what is in use twice, to a temporary file and to its log, before it cuts the file.

    Raises:
        NoRoom: there is not; says how much there is.
    """
    with changes.writing(disk.tables.path) as db:
        check_room(disk, 2 * changes.used_bytes(db), "writing the database anew")


async def vacuum(store: Store, operation: Operation) -> None:
    """Writes the database anew without its free pages.

    Raises:
        NoRoom: there is no room for it.
    """
    path = store.disk.tables.path
    operation.enter("waiting for writes to end")
    async with store.parked():
        vacuum_room(store.disk)
        operation.enter("writing the database anew")
        before = path.stat().st_size
        with changes.writing(path) as db:
            await in_thread(db, changes.vacuum)
        operation.bytes_freed += before - path.stat().st_size
