"""A second engine that makes one index anew, in a folder of its own and out of the first one's way."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vectorstore_instance.engine import DATABASE, Reply, operations
from vectorstore_instance.engine.child import Child, start_child
from vectorstore_instance.engine.maintenance.operation import Unfit
from vectorstore_instance.engine.operations import Written

AT_ONCE = 1000
"""Rows in one request, and at least so many operations between two writes of the index's files."""
FILLING = 5000
"""Deletes of nothing in one request."""

_VERBS = {
    operations.ADD: "add",
    operations.UPDATE: "update",
    operations.UPSERT: "upsert",
    operations.DELETE: "delete",
}
_MADE_WITH = ("space", "ef_construction", "max_neighbors", "resize_factor")


class Aside:
    """One run of the second engine."""

    def __init__(self, folder: Path, child: Child, collection: str, every: int) -> None:
        self._folder = folder
        self._child = child
        self._collection = collection
        self._path = f"{DATABASE}/collections/{collection}"
        self._every = every
        self._unwritten = 0
        """Operations since the engine last wrote the index's files: it does so at every so many."""

    async def feed(self, some: Sequence[Written]) -> None:
        """Does operations again, in their order."""
        for verb, body, count in requests(some):
            await self._ask("POST", f"{self._path}/{verb}", body)
            self._count(count)

    def count(self) -> int:
        """Rows that the collection has now, by its own tables: a question makes the next write a slow one."""
        found = operations.standing(self._folder / "chroma.sqlite3", self._collection)
        return found.documents if found else 0

    async def approach(self, left: int) -> None:
        """Sees to it that the files will be written at about so many operations from now."""
        await self._fill(self._every - left)

    async def finish(self) -> Path:
        """Has the files written to the last operation, ends the engine in order and returns their folder.

        Raises:
            Unfit: it did not end in order.
        """
        if self._unwritten:
            await self._fill(self._every)
        if not await self._child.stop():
            raise Unfit("the second engine did not end in order; try again")
        (index,) = (path for path in self._folder.iterdir() if path.is_dir())
        return index

    async def _fill(self, upto: int) -> None:
        """Does operations without effect until there are so many unwritten ones: they count like any."""
        while (count := min(FILLING, upto - self._unwritten)) > 0:
            body = msgspec.json.encode({"ids": [f"nothing-{n}" for n in range(count)]})
            await self._ask("POST", f"{self._path}/delete", body)
            self._count(count)
            if not self._unwritten:
                return

    async def stop(self) -> None:
        """Ends the engine, whatever it is doing, where it has not ended yet."""
        if self._child.alive:
            self._child.kill()
            await self._child.stop()

    def _count(self, count: int) -> None:
        self._unwritten += count
        if self._unwritten >= self._every:
            self._unwritten = 0

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Reply:
        return accepted(await self._child.client.request(method, path, body))


async def start_aside(folder: Path, lock: int, configuration: dict[str, Any], rows: int) -> Aside:
    """Starts the second engine with one empty collection.

    Args:
        folder: becomes its folder, empty before.
        lock: descriptor of the data folder's lock.
        configuration: what the index is made with.
        rows: about how many there will be. The files are written ten times on the way: each time all of them.

    Raises:
        ChildFailed, Unfit: it does not start, or does not take the configuration.
    """
    await asyncio.to_thread(_empty, folder)
    every = max(AT_ONCE, rows // 10)
    index = {name: configuration[name] for name in _MADE_WITH if name in configuration} | {"sync_threshold": every}
    child = await start_child(folder, 0, lock, allow_reset=False)
    try:
        _yield_to_others(child.pid)
        body = msgspec.json.encode({"name": "aside", "configuration": {"hnsw": index}})
        made = accepted(await child.client.request("POST", f"{DATABASE}/collections", body))
        return Aside(folder, child, msgspec.json.decode(made.body)["id"], every)
    except BaseException:
        child.kill()
        await child.stop()
        raise


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def accepted(reply: Reply) -> Reply:
    """
    Raises:
        Unfit: the second engine refused a request.
    """
    if not reply.ok:
        raise Unfit(f"the second engine answered {reply.status}: {reply.body.decode(errors='replace')[:500]}")
    return reply


def requests(some: Sequence[Written]) -> Iterator[tuple[str, bytes, int]]:
    """The requests that do operations again in their order: verb, body, how many rows.

    One request does operations of one kind, and none on the same row twice.
    """
    run: dict[str, Written] = {}
    kind = operations.UPSERT
    for operation in some:
        if run and (operation.kind != kind or operation.id in run):
            yield _request(kind, run)
            run = {}
        kind = operation.kind
        run[operation.id] = operation
    if run:
        yield _request(kind, run)


def _request(kind: int, run: dict[str, Written]) -> tuple[str, bytes, int]:
    body: dict[str, list[str]] = {"ids": list(run)}
    if kind != operations.DELETE:
        body["embeddings"] = [base64.b64encode(operation.vector or b"").decode() for operation in run.values()]
    return _VERBS[kind], msgspec.json.encode(body), len(run)


def _yield_to_others(pid: int) -> None:
    """Gives the first engine precedence in computing time, and in memory when that is short."""
    with contextlib.suppress(OSError):  # gone already, or not ours to decide
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), 3)
        Path(f"/proc/{pid}/oom_score_adj").write_text("900")
