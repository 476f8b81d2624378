"""`list` and `delete`: which backups there are, and the end of some."""

from __future__ import annotations

from typing import TextIO

from vectorstore_instance.backup import catalogue
from vectorstore_instance.backup.given import Given
from vectorstore_instance.backup.storage import Storage


def show(given: Given, storage: Storage, out: TextIO) -> int:
    """Writes the description of each backup of a store, or of all, as a line; returns how many there are.

    Raises:
        Failure: they cannot be listed.
    """
    count = 0
    for info in catalogue.everything(storage, given.job.store):
        print(info.model_dump_json(by_alias=True, exclude_none=True), file=out)
        count += 1
    return count


def delete(given: Given, storage: Storage) -> int:
    """Deletes backups; returns how many were named. Those that are gone already count as deleted.

    Raises:
        Failure: they cannot be deleted; some of them may be, and the rest is by the same job started again.
    """
    store, names = given.job.store, given.job.names
    if store is None:
        return 0
    storage.delete(catalogue.objects(storage, store, set(names)))
    storage.delete([catalogue.info_path(storage, store, name) for name in names])
    return len(names)
