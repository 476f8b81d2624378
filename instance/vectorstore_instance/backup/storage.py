"""Where backups are: a bucket or a folder, asked by the same few verbs.

An object is there wholly or not at all, and is on the disk when its writing has returned: S3 promises that, and a
folder is synced here.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, S3Store

from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.given import Given
from vectorstore_instance.backup.job import S3, Folder
from vectorstore_instance.backup.pipe import BLOCK, Pipe, Stream, flowing
from vectorstore_instance.backup.trouble import told

_PART = 16 << 20
_PARTS = 9_000
"""S3 takes 10,000 parts of an object."""
_AT_ONCE = 2
"""Parts in memory and on their way. They set out when so many are full."""
_SECONDS = timedelta(seconds=60)
"""For one part."""
_GIVE_UP_SECONDS = 10
"""For taking back what was uploaded; a pod has 30 to end."""


@dataclass(frozen=True)
class Found:
    """An object to be read."""

    size: int
    blocks: Iterator[bytes]


class Storage:
    """One destination."""

    def __init__(self, given: Given) -> None:
        """
        Raises:
            Failure: `Invalid`.
        """
        destination = given.job.destination
        self._store: Any
        self._root: Path | None = None
        if destination.s3:
            self.name = f"s3://{destination.s3.bucket}/{destination.s3.prefix}"
            self._store = _bucket(destination.s3, given)
            self._prefix = destination.s3.prefix
        else:
            folder = destination.folder or Folder()
            self.name, self._root, self._prefix = str(folder.path), folder.path, folder.prefix
            if not folder.path.is_dir():
                raise Failure("NoSuchBucket", f"{folder.path}: there is no such folder; make it, or name another")
            self._store = LocalStore(folder.path)

    def at(self, path: str) -> str:
        """A path below the prefix as one of the bucket or folder."""
        return f"{self._prefix}/{path}".lstrip("/")

    def put(self, path: str, source: Stream, about: int) -> None:
        """Writes an object of any size; what reading raises comes through, and then there is none.

        Args:
            path: where, in the bucket or folder; nobody else's, as it is written over.
            source: what.
            about: bytes that it has at most, more or less.

        Raises:
            Failure: it cannot be written.
        """
        size, parts = max(_PART, about // _PARTS), flowing(source)

        async def upload() -> None:
            # In parts, else it is gathered in memory; and the synchronous form would hold up what is on its way
            # while it waits for more.
            try:
                await obstore.put_async(
                    *(self._store, path, _awaited(parts)), use_multipart=True, chunk_size=size, max_concurrency=_AT_ONCE
                )
            except BaseException as problem:
                parts.close(problem)  # else one who waits for more would be waited for
                raise

        with told(self.name):
            _in_thread(upload, parts)
            self._sync(path)

    def write(self, path: str, content: bytes, *, replace: bool = False) -> None:
        """Writes a small object.

        Raises:
            Failure: `Exists`, unless it may be replaced; or it cannot be written.
        """
        with told(self.name):
            obstore.put(self._store, path, content, mode="overwrite" if replace else "create")
            self._sync(path)

    def read(self, path: str) -> bytes | None:
        """A small object; None where there is none.

        Raises:
            Failure: it cannot be read.
        """
        try:
            with told(self.name, absent=True):
                return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None

    def open(self, path: str) -> Found | None:
        """An object to be read bit by bit, None where there is none.

        Raises:
            Failure: it cannot be read; also from its blocks.
        """
        try:
            with told(self.name, absent=True):
                found = obstore.get(self._store, path)
        except FileNotFoundError:
            return None
        return Found(found.meta["size"], self._blocks(found))

    def _blocks(self, found: Any) -> Iterator[bytes]:
        with told(self.name):
            for block in found.stream(min_chunk_size=BLOCK):
                yield bytes(block)

    def list(self, path: str) -> Iterator[str]:
        """The paths of what is below one; in a folder also of what a killed job was writing: `PATH#1`.

        Raises:
            Failure: it cannot be listed.
        """
        with told(self.name):
            if self._root is not None:
                yield from (str(f.relative_to(self._root)) for f in (self._root / path).rglob("*") if f.is_file())
                return
            for page in obstore.list(self._store, path or None, chunk_size=1000):
                for meta in page:
                    yield meta["path"]

    def delete(self, paths: Sequence[str]) -> None:
        """Deletes objects; those that are not there count as deleted.

        Raises:
            Failure: it cannot be done.
        """
        with told(self.name):
            if self._root is None:
                obstore.delete(self._store, paths)
                return
            for path in paths:
                (self._root / path).unlink(missing_ok=True)

    def _sync(self, path: str) -> None:
        """Has a file, and the folders that lead to it, on the disk."""
        if self._root is None:
            return
        file = self._root / path
        for each in (file, *file.parents):
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if each == self._root:
                break


async def _awaited(parts: Pipe) -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(parts.read, BLOCK):
        yield block


def _in_thread(work: Callable[[], Coroutine[Any, Any, None]], parts: Pipe) -> None:
    """Does it in another thread, as a signal is met with in this one: then the upload is given up in order."""
    ended: Future[None] = Future()

    def run() -> None:
        try:
            ended.set_result(asyncio.run(work()))
        except BaseException as problem:
            ended.set_exception(problem)

    threading.Thread(target=run, daemon=True).start()
    try:
        ended.result()
    except BaseException as problem:
        parts.close(problem)
        wait([ended], _GIVE_UP_SECONDS)
        raise


def _bucket(s3: S3, given: Given) -> S3Store:
    options: dict[str, Any] = {}
    if key := given.secret("access-key-id"):
        options["access_key_id"] = key
        options["secret_access_key"] = given.required("secret-access-key", "access-key-id is of no use without it")
        options["session_token"] = given.secret("session-token")
    if s3.sse == "sse-c":
        options["sse_customer_key_base64"] = given.required("sse-c-key", "sse is sse-c")
    client: dict[str, Any] = {"timeout": _SECONDS, "connect_timeout": timedelta(seconds=10)}
    client["allow_http"] = bool(s3.endpoint and s3.endpoint.startswith("http:"))
    if authority := given.secret("ca.crt"):
        client["root_certificate"] = authority.encode()
    in_host = not (s3.endpoint if s3.path_style is None else s3.path_style)
    endpoint = s3.endpoint.replace("://", f"://{s3.bucket}.", 1) if s3.endpoint and in_host else s3.endpoint
    options |= {"endpoint": endpoint, "server_side_encryption": s3.sse, "sse_kms_key_id": s3.kms_key_id}
    patience = given.job.patience_seconds
    try:
        return S3Store(
            s3.bucket,
            region=s3.region,
            virtual_hosted_style_request=in_host,
            client_options=client,  # type: ignore[arg-type]
            retry_config={
                "max_retries": 1000,
                "retry_timeout": timedelta(seconds=patience),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": timedelta(seconds=min(5, patience / 4)),
                    "base": 2,
                },
            },
            **{name: value for name, value in options.items() if value is not None},
        )
    except Exception as problem:  # of several kinds, none of them documented
        text = str(problem).partition("\n\nDebug source")[0]
        raise Failure("Invalid", f"the destination cannot be used: {text[:300]}") from None
