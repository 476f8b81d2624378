"""The engine of an instance that has data: a child that is started when it is needed.

Asleep, the instance is its front alone. The first request that needs the engine starts it; after ten
idle minutes it is stopped in order. When it dies, what may be sent again is sent again once it is
back; what may not is answered with 503, for only the client can know what it wants then.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable

from vectorstore_instance.core.errors import unavailable
from vectorstore_instance.engine import Reply, State, Usage
from vectorstore_instance.engine.child import Child, ChildFailed, start_child
from vectorstore_instance.engine.client import UpstreamLost
from vectorstore_instance.engine.disk import Disk, DiskError
from vectorstore_instance.engine.quota import Quota
from vectorstore_instance.engine.reads import Reads
from vectorstore_instance.engine.route import Kind, route
from vectorstore_instance.engine.writes import Writes
from vectorstore_instance.settings import Limits, Settings

log = logging.getLogger(__name__)

IDLE_SECONDS = 600.0
"""After so long without a request the engine is stopped."""
LOOK_SECONDS = 5.0
"""How often it is looked after the engine."""
SILENCE = 20.0
"""Seconds after which an engine that does not answer counts as hung."""
EARLY = 5.0
"""Seconds within which a death counts as a failed start."""
PATIENCE = 30.0
"""Seconds that a request waits for an engine that is starting, recovering or coming back."""


class LocalEngine:
    """Chroma's server as a child of this process, and the folder it works on."""

    def __init__(self, settings: Settings, limits: Callable[[], Limits]) -> None:
        self._settings = settings
        self._disk = Disk(settings.data_dir)
        self._quota = Quota(self._disk.tables, limits)
        self._reads = Reads(lambda path, body: self._send("POST", path, body, True))
        self._writes = Writes(self._send, self._disk.tables, self._quota, limits, lambda: self._reading > 0)
        self._child: Child | None = None
        self._starting: asyncio.Task[Child] | None = None
        self._changing = asyncio.Lock()
        """Held while a child is started or stopped: never are there two."""
        self._housekeeping: asyncio.Task[None] | None = None
        self._recovering = False
        self._early_deaths = 0
        self._reading = 0
        self._in_flight = 0
        self._last_use = time.monotonic()
        self._started = False

    async def start(self) -> None:
        """Takes the folder; starts the engine only to prepare new files or to recover old ones.

        Raises:
            DiskError: the folder cannot be used; ChildFailed: the engine cannot start.
        """
        self._disk.acquire()
        try:
            if not self._disk.primed:
                # An empty folder has no tables to prepare: the engine makes them, and is started again.
                await (await self._launch()).stop()
            elif not self._disk.clean:
                await self._wake()
            await self._quota.count()
        except sqlite3.DatabaseError as problem:
            raise DiskError(f"DATA_DIR: {self._disk.tables.path}: {problem}; put a good copy in its place") from None
        self._started = True
        self._housekeeping = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """Ends the writes under way, then the engine."""
        self._started = False
        await self._writes.drain()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        await self.rest()
        self._disk.release()

    @property
    def ready(self) -> bool:
        """Whether requests are served: the engine is there, or sleeps and can be woken."""
        return self._started and not self._recovering

    @property
    def pid(self) -> int | None:
        """The engine's process, while there is one."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def state(self) -> State:
        """What the engine is doing."""
        if not self._started:
            return State("starting")
        if self._recovering:
            return State("recovering")
        return State("asleep" if self.pid is None else "awake")

    async def usage(self) -> Usage:
        """What the store holds."""
        size = await asyncio.to_thread(self._disk.bytes)
        return Usage(documents=self._quota.used, bytes=size, collections=self._quota.collections)

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Sends one request of Chroma's API along the way its kind needs; see `Engine`."""
        what = route(method, path)
        if what.kind in (Kind.QUERY, Kind.READ):
            self._reading += 1
            try:
                if what.kind is Kind.QUERY:
                    return await self._reads.query(what.path, body)
                return await self._send(method, what.path, body, True)
            finally:
                self._reading -= 1
        if what.kind in (Kind.ROWS, Kind.DELETE, Kind.MODIFY):
            return await self._writes.write(what, body)
        if what.kind is Kind.DROP:
            return await self._writes.drop(what.path, method, body)
        return await self._writes.make(what.path, method, body)

    async def reset(self) -> Reply:
        """Deletes everything; afterwards the files are prepared anew, as reset undoes that, too."""
        reply = await self._writes.drop("/api/v2/reset", "POST", b"")
        await self.rest()
        return reply

    async def _send(self, method: str, path: str, body: bytes, again: bool) -> Reply:
        """Asks the child, waking it first; asks again after its death where that does no harm."""
        deadline = time.monotonic() + PATIENCE
        self._in_flight += 1
        try:
            while True:
                child = await self._awake(deadline)
                try:
                    return await child.client.request(method, path, body)
                except UpstreamLost as lost:
                    if not again or time.monotonic() > deadline:
                        raise unavailable(
                            f"the engine went away before it answered ({lost}); "
                            "whether the request was carried out is not known: look, then send it again"
                        ) from None
                if child.alive:
                    await asyncio.sleep(0.01)  # a kept connection broke; or its end is about to be noticed
        finally:
            self._in_flight -= 1
            self._last_use = time.monotonic()

    async def _awake(self, deadline: float) -> Child:
        if self._child is not None and self._child.alive:
            return self._child
        start = self._wake()
        await asyncio.wait({start}, timeout=max(0.0, deadline - time.monotonic()))
        if not start.done():
            raise unavailable("the engine is recovering its index; try again in a moment", retry_after=5)
        if start.cancelled() or start.exception():
            raise unavailable("the engine does not start; the instance's log says why", retry_after=5)
        return start.result()

    def _wake(self) -> asyncio.Task[Child]:
        """The one start under way; whoever needs the engine waits for the same."""
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._prepared_child())
            self._starting.add_done_callback(self._note)
        return self._starting

    async def _prepared_child(self) -> Child:
        # A child that dies as soon as it is started is not started again as fast as that.
        await asyncio.sleep(min(5.0, 0.1 * 2**self._early_deaths) if self._early_deaths else 0)
        async with self._changing:
            self._recovering = await asyncio.to_thread(self._disk.prepare)
            child = await self._launch()
            try:
                if self._recovering:
                    await self._recover(child)
            except BaseException:
                await child.stop()
                raise
            self._recovering = False
            self._child = child
        born = time.monotonic()
        child.ended.add_done_callback(lambda _: self._bury(child, time.monotonic() - born))
        return child

    def _note(self, start: asyncio.Task[Child]) -> None:
        """A start that nobody waited for must not fail in silence, nor a recovery be given up."""
        if start.cancelled() or (problem := start.exception()) is None:
            return
        log.error("%s", problem)
        if self._recovering:  # not ready, so no request will come and try again
            asyncio.get_running_loop().call_later(EARLY, self._wake)

    def _bury(self, child: Child, age: float) -> None:
        """Starts the next child when one has died by itself: its index is made again before it is needed."""
        if child is not self._child or not self._started:
            return
        self._child = None
        self._early_deaths = self._early_deaths + 1 if age < EARLY else 0
        log.error("the engine died %.1f s after its start; starting it again", age)
        self._wake()

    async def _launch(self) -> Child:
        settings = self._settings
        return await start_child(
            settings.data_dir, settings.engine_port, self._disk.lock, allow_reset=settings.allow_reset
        )

    async def _recover(self, child: Child) -> None:
        """Has every index made again from the queue: a query replays it without holding up the others."""
        collections = [c for c in self._disk.tables.collections() if c.dimension]
        log.warning("the engine did not end in order: making %d indices again", len(collections))
        for c in collections:
            path = f"/api/v2/tenants/{c.tenant}/databases/{c.database}/collections/{c.id}/query"
            vector = [1.0] + [0.0] * ((c.dimension or 1) - 1)
            body = json.dumps({"query_embeddings": [vector], "n_results": 1, "include": []}).encode()
            try:
                reply = await child.client.request("POST", path, body)
            except UpstreamLost as lost:
                raise ChildFailed(f"the engine died in its recovery: {lost}") from None
            if not reply.ok:
                log.error("collection %s does not answer after its recovery: %s", c.id, reply.body.decode())
        log.warning("all indices are there again")

    async def _look_after(self) -> None:
        """Lets an idle engine rest, and ends one that hangs: it starts again, and what it holds up is asked anew."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            child = self._child
            if child is None:
                continue
            if not self._in_flight and time.monotonic() - self._last_use >= IDLE_SECONDS:
                await self.rest()
            elif not await child.answers(SILENCE) and child.alive:
                log.error("the engine did not answer its heartbeat for %.0f s: killing it", SILENCE)
                child.kill()

    async def rest(self) -> None:
        """Stops the engine in order, if it runs, and witnesses it; ends a recovery, to be begun anew."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        async with self._changing:
            child, self._child = self._child, None
            if child is not None and await child.stop():
                await asyncio.to_thread(self._disk.mark_clean)
