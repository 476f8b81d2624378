"""`backup`: a snapshot as the instance streams it, proven on its way, encrypted if that is asked for, stored.

Nothing is kept here: what the instance sends is read as an archive, byte by byte, while it goes on to the
destination, so that what cannot be relied on never becomes an object.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from datetime import UTC, datetime

from vectorstore_instance.archive import Archive, ArchiveError, Manifest
from vectorstore_instance.backup import catalogue, seal
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.given import Given
from vectorstore_instance.backup.instance import Port, patiently
from vectorstore_instance.backup.job import Store
from vectorstore_instance.backup.opened import Watch
from vectorstore_instance.backup.pipe import Pipe, Stream, stage
from vectorstore_instance.backup.result import Info
from vectorstore_instance.backup.storage import Storage


def backup(given: Given, storage: Storage, watch: Watch) -> Info:
    """Makes one backup.

    Raises:
        Failure: there is none.
    """
    job = given.job
    store, name = _store(given), job.names[0]
    if made := _made(given, storage):
        return made
    port = Port(job.url or "", given.required("token", "the instance wants its admin key"))
    path = catalogue.new_object(storage, store, name, encrypted=job.encrypt)
    info = patiently(job.patience_seconds, lambda: _stored(given, storage, port, path, watch))
    try:
        catalogue.write(storage, store, info)
    except Failure as failure:
        storage.delete([path])
        if failure.reason == "Exists" and (made := _made(given, storage)):
            return made
        raise
    storage.delete([left for left in catalogue.objects(storage, store, {name}) if left != path])
    return info


def _made(given: Given, storage: Storage) -> Info | None:
    """The backup, where an earlier start of this run, or another of it at the same time, has made it.

    Raises:
        Failure: `Exists`: another run has.
    """
    name = given.job.names[0]
    info = catalogue.find(storage, _store(given), name)
    if info and (not info.run or info.run != given.job.run):
        raise Failure("Exists", f"{storage.name}: there is a backup {name} already; give the new one another name")
    return info


class _Measured:
    """A stream on its way, counted and summed."""

    def __init__(self, source: Stream) -> None:
        self._source = source
        self._sum = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        block = self._source.read(size)
        self._sum.update(block)
        self.size += len(block)
        return block

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()


def _stored(given: Given, storage: Storage, port: Port, path: str, watch: Watch) -> Info:
    keys = seal.identities(given.required(seal.FILE, "encrypt is set")) if given.job.encrypt else []
    store = _store(given)
    with ExitStack() as stack:
        answer, about = stack.enter_context(port.snapshot(catalogue.said(store, given.job.names[0], given.job.run)))
        proving = _Proving(answer, watch)
        proven = last = stage(proving.run)
        stack.callback(proven.abandon)
        if keys:
            last = stage(lambda target: seal.encrypt(proven, target, keys))
            stack.callback(last.abandon)
        measured = _Measured(last)
        storage.put(path, measured, about)
    return _described(given, store, path, proving.manifest, measured)


class _Proving:
    """Reads an archive as it passes."""

    def __init__(self, source: Stream, watch: Watch) -> None:
        self._source = source
        self._watch = watch
        self.manifest: Manifest
        """What it says of itself, once it has been read."""

    def run(self, target: Pipe) -> None:
        """Passes it on.

        Raises:
            Failure: `StoreAway`: it is not one, or ends early.
        """
        try:
            archive = Archive(_Passing(self._source, target, self._watch))
            archive.verify()
            self.manifest = archive.manifest
        except ArchiveError as problem:
            raise Failure("StoreAway", f"what the instance sent is no whole archive: {problem}") from None


class _Passing:
    def __init__(self, source: Stream, target: Pipe, watch: Watch) -> None:
        self._source = source
        self._target = target
        self._watch = watch
        self._done = 0

    def read(self, size: int, /) -> bytes:
        block = self._source.read(size)
        self._target.write(block)
        self._done += len(block)
        self._watch(self._done, 0)
        return block


def _store(given: Given) -> Store:
    store = given.job.store
    assert store is not None  # noqa: S101 - `Job` has seen to it
    return store


def _described(given: Given, store: Store, path: str, manifest: Manifest, stored: _Measured) -> Info:
    return Info(
        format=manifest.format,
        name=given.job.names[0],
        object=path,
        cluster=store.cluster,
        namespace=store.namespace,
        uid=store.uid,
        store=store.name,
        run=given.job.run,
        taken=manifest.taken,
        finished=datetime.now(UTC),
        sequence=manifest.sequence,
        collections=len(manifest.collections),
        documents=manifest.documents,
        bytes=manifest.bytes,
        size=stored.size,
        sha256=stored.sha256,
        encrypted=path.endswith(seal.SUFFIX),
        release=manifest.release,
        chromadb=manifest.chromadb,
        model=manifest.embedding.model,
        dimension=manifest.embedding.dimension,
        precision=manifest.embedding.precision,
        pause_seconds=manifest.pause,
    )
