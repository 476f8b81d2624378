"""Which objects a backup has, and what stands beside them.

PREFIX/CLUSTER/NAMESPACE/UID/NAME.tar.zst[.age]   the archive
PREFIX/CLUSTER/NAMESPACE/UID/NAME.json            an `Info`, written last: what has none is no backup
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from vectorstore_instance.archive import Manifest
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.job import Job, Store
from vectorstore_instance.backup.result import Info
from vectorstore_instance.backup.seal import SUFFIX
from vectorstore_instance.backup.storage import Storage

ARCHIVE, INFO = ".tar.zst", ".json"
_OBJECT = re.compile(r"^(.+)[.][0-9a-f]{8}[.]tar[.]zst([.]age)?(#\d+)?$")
_AT_ONCE = 16


def new_object(storage: Storage, store: Store, name: str, *, encrypted: bool) -> str:
    """A path for an archive, that no other job has."""
    return storage.at(f"{store.path}/{name}.{secrets.token_hex(4)}{ARCHIVE}{SUFFIX if encrypted else ''}")


def object_of(storage: Storage, store: Store, info: Info) -> str:
    """Where a backup's archive is: beside its description, wherever both have been brought."""
    return storage.at(f"{store.path}/{info.object.rpartition('/')[2]}")


def objects(storage: Storage, store: Store, names: Collection[str]) -> list[str]:
    """All that was ever begun to be written as the archives of these backups.

    Raises:
        Failure: they cannot be listed.
    """
    found = []
    for path in storage.list(storage.at(store.path)):
        match = _OBJECT.match(path.rpartition("/")[2])
        if match and match[1] in names:
            found.append(path)
    return found


def info_path(storage: Storage, store: Store, name: str) -> str:
    """Where its description is."""
    return storage.at(f"{store.path}/{name}{INFO}")


def said(store: Store, name: str, run: str) -> str:
    """What an archive says of itself: its own path, so that one that was moved or renamed is noticed, and its run."""
    return f"{store.path}/{name}/{run}"


def check_place(manifest: Manifest, job: Job) -> None:
    """Holds what an archive says of itself against where it was found.

    Raises:
        Failure: `WrongStore`.
    """
    if job.object is None and job.store is not None:
        place = f"{job.store.path}/{job.names[0]}"
        if manifest.store.rpartition("/")[0] != place:
            raise Failure(
                "WrongStore",
                f"the archive at {place} says of itself that it is {manifest.store!r}: it was moved or renamed; put it "
                "back, or restore it by its object's path, if that is what is wanted",
            )


def find(storage: Storage, store: Store, name: str) -> Info | None:
    """The description of a backup; None where there is no such backup.

    Raises:
        Failure: `Corrupt`, or it cannot be read.
    """
    return _info(storage, info_path(storage, store, name))


def write(storage: Storage, store: Store, info: Info, *, replace: bool = False) -> None:
    """Makes a backup of an object by describing it.

    Raises:
        Failure: `Exists`, unless it may be replaced; or it cannot be written.
    """
    path = info_path(storage, store, info.name)
    storage.write(path, info.model_dump_json(by_alias=True).encode(), replace=replace)


def everything(storage: Storage, store: Store | None) -> Iterator[Info]:
    """All backups of a store, or of all stores, the oldest first. What cannot be read as a description is none.

    Raises:
        Failure: they cannot be listed or read.
    """
    below = storage.at(store.path if store else "").rstrip("/")
    paths = [path for path in storage.list(below) if path.endswith(INFO)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda path: _readable(storage, path), paths))
    yield from sorted((info for info in found if info), key=lambda info: (info.taken, info.object))


def _readable(storage: Storage, path: str) -> Info | None:
    try:
        return _info(storage, path)
    except Failure as failure:
        if failure.reason != "Corrupt":
            raise
        return None


def _info(storage: Storage, path: str) -> Info | None:
    content = storage.read(path)
    try:
        return Info.model_validate_json(content) if content is not None else None
    except ValidationError:
        raise Failure("Corrupt", f"{path}: it is no description of a backup; put back what it was") from None
