"""Archives of real instances: taken, altered, and restored into new ones."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.support.instances import Running

from vectorstore_instance.archive import Archive, File, pack

SNAPSHOT, RESTORE = "/admin/snapshot", "/admin/restore"


def admin(running: Running) -> httpx.Client:
    """The management port with the admin key."""
    headers = {"authorization": f"Bearer {running.key('admin')}"}
    return httpx.Client(base_url=running.management_url, headers=headers, timeout=60)


def snapshot(running: Running, store: str = "") -> bytes:
    """An archive of a running instance."""
    with admin(running) as http:
        answer = http.get(SNAPSHOT, params={"store": store} if store else {})
    assert answer.status_code == 200, answer.text
    return answer.content


@contextmanager
def begun(running: Running) -> Iterator[httpx.Response]:
    """An archive that is being sent, to somebody who takes little of it at once."""
    small = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)])
    headers = {"authorization": f"Bearer {running.key('admin')}"}
    with (
        httpx.Client(base_url=running.management_url, headers=headers, timeout=60, transport=small) as http,
        http.stream("GET", SNAPSHOT) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        yield answer


def drill(archive: bytes, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and verdict of a drill, the archive given on standard input."""
    command = [sys.executable, "-m", "vectorstore_instance.drill", "-", *arguments]
    ended = subprocess.run(command, input=archive, capture_output=True, check=False)
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else {"said": ended.stderr.decode()}


def opened(archive: bytes, folder: Path) -> Archive:
    """Unpacks an archive into a folder."""
    folder.mkdir()
    found = Archive(io.BytesIO(archive))
    found.extract(folder)
    return found


def altered(archive: bytes, folder: Path, alter: Callable[[], object]) -> bytes:
    """The same archive after its files were altered, whose manifest has the checksums of what they are now."""
    manifest = opened(archive, folder).manifest
    alter()
    files = [file.name for file in manifest.files if (folder / file.name).exists()]
    told = [
        File(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name in files
        for content in [(folder / name).read_bytes()]
    ]
    return b"".join(pack(manifest.model_copy(update={"files": tuple(told)}), folder))


def rows(running: Running, collection: str) -> dict[str, tuple[Any, Any, bytes]]:
    """Every row of a collection as clients get it: text, metadata, vector."""
    found = running.chroma().get_collection(collection, embedding_function=None)
    got = found.get(include=["documents", "metadatas", "embeddings"])
    columns = zip(got["ids"], got["documents"] or [], got["metadatas"] or [], got["embeddings"], strict=True)  # type: ignore[arg-type]
    return {i: (text, metadata, vector.astype("<f4").tobytes()) for i, text, metadata, vector in columns}  # type: ignore[union-attr]


def readyz(running: Running) -> tuple[int, str]:
    """Status and reason of the readiness probe."""
    answer = httpx.get(f"{running.management_url}/readyz")
    return answer.status_code, answer.json().get("message", "")


def state(running: Running) -> dict[str, Any]:
    """How far a restore is."""
    with admin(running) as http:
        return dict(http.get(RESTORE).raise_for_status().json())


def send(running: Running, archive: bytes | Iterator[bytes], **asked: str) -> httpx.Response:
    """Has an instance take this archive."""
    with admin(running) as http:
        return http.post(RESTORE, content=archive, params=asked)
