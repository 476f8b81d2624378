"""A backup's archive as it was before it left: found, decrypted, and proven to be the bytes that were stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from vectorstore_instance.backup import catalogue, seal
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.given import Given
from vectorstore_instance.backup.pipe import Blocks, Stream, stage
from vectorstore_instance.backup.result import Info
from vectorstore_instance.backup.storage import Found, Storage

Watch = Callable[[int, int], None]
"""Told bytes that are done, and how many there are to be, 0 where nobody knows."""


def sought(given: Given, storage: Storage) -> tuple[str, Info | None]:
    """The path of the object that a job is about, and its description, None where the job names the object itself.

    Raises:
        Failure: `NoSuchBackup`, or it cannot be read.
    """
    job = given.job
    if job.object is not None or job.store is None:
        return job.object or "", None
    info = catalogue.find(storage, job.store, job.names[0])
    if info is None:
        where = catalogue.info_path(storage, job.store, job.names[0])
        raise Failure("NoSuchBackup", f"{storage.name}: there is no {where}; list what there is")
    return catalogue.object_of(storage, job.store, info), info


def stream(given: Given, storage: Storage, path: str, info: Info | None, watch: Watch) -> Stream:
    """The archive.

    Raises:
        Failure: `NoSuchBackup`, or it cannot be read; also from the stream: `Corrupt`, `WrongKey`.
    """
    found = storage.open(path)
    if found is None:
        raise Failure("NoSuchBackup", f"{storage.name}: there is no {path}")
    return plain(given, path, Blocks(_proven(found, path, info, watch)))


def plain(given: Given, path: str, stored: Stream) -> Stream:
    """An object's bytes decrypted, where its name says that they are not plain.

    Raises:
        Failure: `Invalid`; from the stream: `Corrupt`, `WrongKey`.
    """
    if not path.endswith(seal.SUFFIX):
        return stored
    keys = seal.identities(given.required(seal.FILE, f"{path} is encrypted"))
    return stage(lambda target: seal.decrypt(stored, target, keys))


def _proven(found: Found, path: str, info: Info | None, watch: Watch) -> Iterator[bytes]:
    """The stored bytes; the last of them only when all were those that had been written."""
    if info and found.size != info.size:
        raise Failure(
            "Corrupt", f"{path} has {found.size} bytes, and {info.size} had been written; take another backup"
        )
    seen, done, before = hashlib.sha256(), 0, b""
    for block in found.blocks:
        seen.update(block)
        done += len(block)
        watch(done, found.size)
        if before:
            yield before
        before = block
    if info and seen.hexdigest() != info.sha256:
        raise Failure("Corrupt", f"{path}: its bytes are not those that had been written; take another backup")
    yield before
