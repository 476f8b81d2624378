"""Whether what came out of an archive is what went in: asked of the real engine, every row of every collection.

Three things are compared: how many rows there are; that each row the queue makes is in the index with its
vector, and that all of them together have the checksum in the manifest; and that sample questions are
answered rightly: as many answers as there must be, none nearer than the exact ones, most of them those.

Index files that do not hold are made again from the queue, which has every vector, and compared once more: an
archive may be the last copy there is.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import msgspec
import numpy as np

from vectorstore_instance.archive import Collection, Manifest, RowDigest, Sample
from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import living, positions
from vectorstore_instance.engine.child import Child, ChildFailed, start_child
from vectorstore_instance.engine.client import UpstreamLost
from vectorstore_instance.engine.disk import Disk, DiskError, NoRoom
from vectorstore_instance.engine.nearest import vector_of
from vectorstore_instance.engine.recovery import Recovery

ROWS = 500
"""Rows asked for at once."""
SECONDS = 120.0
"""For an answer of the engine."""
CLOSE = 1e-5
"""How far a number may be off, in parts of its vector's largest: in cosine spaces the engine scales vectors."""
NEAR = 1e-3
"""How far a distance may be off, in parts of itself and one: the engine computes it in float32."""
RECALL = 0.5
"""Of a collection's exact answers, what its index must find: the hardest vectors leave 0.7, a broken graph nothing."""
TOLD = 20
"""Differences that are told."""


class Differs(Exception):
    """What came out is not what went in, or cannot be opened; the message says where."""


@dataclass
class Verdict:
    """What was compared."""

    collections: int = 0
    documents: int = 0
    questions: int = 0
    recall: float = 1.0
    """The share of the exact answers that the index found, in all questions together."""
    differences: list[str] = field(default_factory=list)
    """Where the two are not the same: none in one that holds."""
    mended: list[str] = field(default_factory=list)
    """What was wrong with the index files in the archive, before they were made again from the queue."""


async def trial(folder: Path, manifest: Manifest, lock: int) -> Verdict:
    """Opens an unpacked archive with the real engine, compares, and ends the engine in order.

    Args:
        folder: with the archive's files; afterwards a store's, sealed.
        manifest: what must be there.
        lock: descriptor that the engine inherits.

    Raises:
        Differs: it cannot be opened.
        OSError: the disk is full.
    """
    disk = Disk(folder)
    try:
        await asyncio.to_thread(disk.adopt)
        verdict = await _once(disk, manifest, lock)
        if verdict.differences:
            await asyncio.to_thread(_drop_indices, disk)
            mended, verdict = verdict.differences, await _once(disk, manifest, lock)
            verdict.mended = mended
    except NoRoom as problem:
        raise OSError(errno.ENOSPC, str(problem)) from None
    except (sqlite3.Error, DiskError, ChildFailed) as problem:
        raise Differs(f"the engine cannot work on what was archived: {problem}") from None
    return verdict


async def _once(disk: Disk, manifest: Manifest, lock: int) -> Verdict:
    recovery = Recovery(disk, lambda: start_child(disk.folder, 0, lock, allow_reset=False))
    child = await recovery.child()
    verdict = Verdict()
    try:
        await _Comparison(child, disk, verdict, frozenset(recovery.apart)).run(manifest)
    except BaseException:
        child.kill()
        await child.stop()
        raise
    if await child.stop():
        await asyncio.to_thread(disk.seal)
    else:
        verdict.differences.append("the engine did not end in order")
    return verdict


def _drop_indices(disk: Disk) -> None:
    disk.unseal()
    for folder in disk.segment_folders():
        shutil.rmtree(folder)
    disk.adopt()


class _Got(msgspec.Struct):
    ids: list[str]
    embeddings: list[list[float]]


class _Answered(msgspec.Struct):
    ids: list[list[str]]
    distances: list[list[float]]


class _Comparison:
    """One store held against one manifest."""

    def __init__(self, child: Child, disk: Disk, verdict: Verdict, apart: frozenset[str]) -> None:
        self._child = child
        self._disk = disk
        self._verdict = verdict
        self._apart = apart
        self._found: list[float] = []

    async def run(self, manifest: Manifest) -> None:
        """Compares all collections."""
        indices = await asyncio.to_thread(positions.indices, self._disk.tables.path)
        there = {(i.collection, i.name, i.tenant, i.database, i.dimension) for i in indices}
        said = {(c.id, c.name, c.tenant, c.database, c.dimension) for c in manifest.collections}
        for one in sorted(there ^ said, key=str):
            self._differ(f"collection {one[1]} ({one[0]}): {'not in the manifest' if one in there else 'not there'}")
        for collection in manifest.collections:
            name = f"collection {collection.name} ({collection.id})"
            try:
                await self._collection(name, collection)
            except (UpstreamLost, ApiError, msgspec.MsgspecError, ValueError) as problem:
                self._differ(f"{name}: the engine does not answer as it must: {problem}")
            self._verdict.collections += 1
        if self._found:
            self._verdict.recall = round(float(np.mean(self._found)), 4)

    async def _collection(self, name: str, collection: Collection) -> None:
        path = f"/api/v2/tenants/{quote(collection.tenant, safe='')}/databases/{quote(collection.database, safe='')}"
        path += f"/collections/{collection.id}"
        asked = collection.readable and collection.id not in self._apart
        if collection.readable and not asked:
            self._differ(f"{name}: the engine cannot read it")
        digest, rows = RowDigest(), living.living(self._disk.tables.path, collection.id)
        batches = living.batches(rows, ROWS)
        while batch := await asyncio.to_thread(next, batches, ()):
            await asyncio.to_thread(digest.update, batch)
            if asked and (wrong := await self._rows(path, batch)):
                self._differ(f"{name}: {wrong}")
        if (digest.count, digest.hexdigest()) != (collection.documents, collection.checksum):
            self._differ(f"{name}: its {digest.count} rows are not the {collection.documents} that were archived")
        self._verdict.documents += digest.count
        if asked:
            count = int(await self._ask("GET", f"{path}/count"))
            if count != collection.documents:
                self._differ(f"{name}: the engine counts {count} rows, and there must be {collection.documents}")
            await self._questions(name, path, collection.samples)

    async def _rows(self, path: str, rows: Sequence[living.Row]) -> str:
        """What is wrong with rows in the index; empty where nothing is."""
        body = {"ids": [id_ for id_, _ in rows], "include": ["embeddings"]}
        got = msgspec.json.decode(await self._ask("POST", f"{path}/get", body), type=_Got)
        return await asyncio.to_thread(_compare, rows, dict(zip(got.ids, got.embeddings, strict=True)))

    async def _questions(self, name: str, path: str, samples: Sequence[Sample]) -> None:
        found = []
        for sample in samples:
            vector = vector_of(base64.b64decode(sample.vector)).tolist()
            body = {"query_embeddings": [vector], "n_results": len(sample.ids), "include": ["distances"]}
            answer = msgspec.json.decode(await self._ask("POST", f"{path}/query", body), type=_Answered)
            share = _share(sample.distances, answer.distances[0])
            if share is None:
                self._differ(f"{name}: a sample question has {len(answer.ids[0])} answers that cannot be right")
            else:
                found.append(share)
        if found and np.mean(found) < RECALL:
            self._differ(f"{name}: its index finds {np.mean(found):.0%} of the nearest rows; rebuild it")
        self._verdict.questions += len(samples)
        self._found += found

    async def _ask(self, method: str, path: str, body: object = None) -> bytes:
        reply = await self._child.client.request(
            method, path, b"" if body is None else msgspec.json.encode(body), SECONDS
        )
        return reply.unwrap()

    def _differ(self, difference: str) -> None:
        if len(self._verdict.differences) < TOLD:
            self._verdict.differences.append(difference)


def _compare(rows: Sequence[living.Row], got: dict[str, list[float]]) -> str:
    missing = [id_ for id_, _ in rows if id_ not in got]
    if missing:
        return f"{len(missing)} rows are not in the index, such as {missing[0]!r}"
    for id_, raw in rows:
        vector, found = vector_of(raw), np.array(got[id_], np.float32)
        if len(found) != len(vector) or np.abs(found - vector).max() > CLOSE * np.abs(vector).max():
            return f"row {id_!r} has another vector in the index"
    return ""


def _share(exact: Sequence[float], found: Sequence[float]) -> float | None:
    """Which share of the exact answers was found; None where these cannot be answers to that question at all."""
    if len(found) != len(exact) or not exact:
        return None
    slack = [NEAR * (1 + abs(distance)) for distance in exact]
    if any(is_ < must - more for is_, must, more in zip(found, exact, slack, strict=True)):
        return None  # nearer than the nearest
    return sum(distance <= exact[-1] + slack[-1] for distance in found) / len(exact)
