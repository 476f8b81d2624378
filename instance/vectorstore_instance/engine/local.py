"""The engine of an instance that has data: a child that is started when it is needed.

Asleep, the instance is its front alone. The first request that needs the engine starts it; after ten
idle minutes it is stopped in order. When it dies, what may be sent again is sent again once it is
back; what may not is answered with 503, for only the client can know what it wants then.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

import msgspec

from vectorstore_instance.core.errors import ApiError, not_found
from vectorstore_instance.engine import Known, Phase, Reply, State, Usage, cost, layout, stamp
from vectorstore_instance.engine.checkpointing import Checkpointing
from vectorstore_instance.engine.disk import Disk, DiskError
from vectorstore_instance.engine.gate import Gate
from vectorstore_instance.engine.maintenance import Maintenance
from vectorstore_instance.engine.maintenance.leftovers import remove_folders
from vectorstore_instance.engine.pressure import Pressure
from vectorstore_instance.engine.quota import Quota
from vectorstore_instance.engine.reads import Reads
from vectorstore_instance.engine.records import Records
from vectorstore_instance.engine.restore import Restore
from vectorstore_instance.engine.route import Kind, Route, route
from vectorstore_instance.engine.sender import Sender
from vectorstore_instance.engine.snapshot import Snapshots
from vectorstore_instance.engine.supervisor import Supervisor
from vectorstore_instance.engine.tables import Indexing
from vectorstore_instance.engine.writes import Writes
from vectorstore_instance.settings import Limits, Settings

IDLE_SECONDS = 600.0
"""After so long without a request the engine is stopped."""
LOOK_SECONDS = 5.0
"""How often it is looked after the engine."""
HALFWAY = (b"Nothing found on disk", b"Missing metadata segment")
"""What the engine says, as a fault of its own, of a collection that just gets its first rows, or is just dropped."""


class LocalEngine:
    """Chroma's server as a child of this process, and the folder it works on."""

    def __init__(self, settings: Settings, limits: Callable[[], Limits]) -> None:
        self._settings = settings
        self._disk = Disk(settings.data_dir)
        self._supervisor = Supervisor(settings, self._disk)
        self._limits = limits
        self._quota = Quota(self._disk.tables, limits)
        self._pressure = Pressure(settings.data_dir, limits)
        self._sender = Sender(self._supervisor, self._pressure)
        self.maintenance = Maintenance(self)
        self._reads = Reads(lambda path, body: self._sender.send("POST", path, body, True), Records(self._disk.tables))
        self._writes = Writes(self._sender.send, self._disk.tables, self._quota, limits, lambda: self._reading > 0)
        self.checkpointing = Checkpointing(
            self._disk, lambda: self._supervisor.running, self._writes.between, settings.recovery_seconds
        )
        self.snapshots = Snapshots(settings, self._disk, self._writes, self._pressure, self._supervisor.recovery)
        self.restore = Restore(settings, self._disk, self._pressure.spare, self.rest)
        self._tasks: list[asyncio.Task[None]] = []
        self._reading: int = 0
        self._started = False
        self._open = Gate()
        """Passed by all requests together, and by a reset alone: there are no tables then."""

    async def start(self) -> None:
        """Takes the folder; starts the engine only to prepare new files or to recover old ones.

        Raises:
            DiskError: the folder cannot be used; ChildFailed: the engine cannot start.
        """
        self._disk.acquire()
        try:
            layout.check(self._disk.folder, self._disk.tables.path)
            stamp.keep(self._settings, fresh=self._disk.empty)
            await self._supervisor.begin()
            await self._quota.count()
            await self.maintenance.start()
        except sqlite3.DatabaseError as problem:
            raise DiskError(f"DATA_DIR: {self._disk.tables.path}: {problem}; put a good copy in its place") from None
        self._started = True
        cares = (self._look_after(), self.checkpointing.run(), self._pressure.watch())
        self._tasks = [asyncio.create_task(care) for care in cares]

    async def stop(self) -> None:
        """Ends the writes under way, then the engine."""
        self._started = False
        await self.maintenance.stop()
        await self._writes.drain()
        for task in self._tasks:
            task.cancel()
        await self._supervisor.end()
        self._disk.release()

    @property
    def ready(self) -> bool:
        """Whether requests are served: the engine is there, or sleeps and can be woken."""
        return self._started and not self._supervisor.recovery.active

    @property
    def pid(self) -> int | None:
        """The engine's process, while there is one."""
        return self._supervisor.pid

    def glance(self, database: str, name: str) -> Known | None:
        """The collection of that name, out of the tables; see `Engine`."""
        if not self._started or self._open.closed:
            return None
        found = self._disk.tables.named(database, name)
        return Known(*found) if found else None

    def state(self) -> State:
        """What the engine is doing."""
        return State(
            self._phase(),
            waiting_reads=self._reads.waiting,
            waiting_writes=self._writes.waiting,
            starts=self._supervisor.starts,
            repairs=self._supervisor.recovery.repairs,
            replayed=self._supervisor.recovery.replayed,
            checkpoints=self.checkpointing.taken,
            unindexed=self.checkpointing.unindexed,
            pid=self.pid or 0,
            silent=self._supervisor.silent,
            read_only=self._pressure.reason,
        )

    def _phase(self) -> Phase:
        if not self._started:
            return "starting"
        if self._supervisor.recovery.active:
            return "recovering"
        return "asleep" if self.pid is None else "awake"

    async def usage(self) -> Usage:
        """What the store holds."""
        async with self._open.shared():
            size = await asyncio.to_thread(self._disk.bytes)
            waste = await self.maintenance.reclaimable.latest()
            self._quota.recount_doubted()
        return Usage(self._quota.used, size, self._quota.collections, waste.bytes)

    async def indexing(self, collection: str) -> Indexing:
        """How far a collection's index is; never wakes a sleeping engine.

        Raises:
            ApiError: 404 when there is no such collection.
        """
        found = await asyncio.to_thread(self._disk.tables.indexing, collection)
        if found is None:
            raise not_found(f"Collection [{collection}] does not exist.")
        return found

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Sends one request of Chroma's API that is within its limits; see `Engine`."""
        what = route(method, path)
        cost.check(what, body, self._limits())
        if what.kind in (Kind.ROWS, Kind.MAKE):
            try:
                self._pressure.admit(len(body))
            except ApiError:
                if not await self._writes.is_there(what, body):
                    raise
        async with self._open.shared():
            return self._pressure.told(await self._forward(what, method, body))

    async def _forward(self, what: Route, method: str, body: bytes) -> Reply:
        """Sends one request along the way its kind needs."""
        if what.kind in (Kind.QUERY, Kind.READ):
            self._reading += 1
            try:
                return await self._read(what, method, body)
            finally:
                self._reading -= 1
        if what.kind in (Kind.ROWS, Kind.DELETE, Kind.MODIFY):
            reply = await self._writes.write(what, body)
            if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR and what.kind is not Kind.MODIFY:
                self._supervisor.distrust()
            return reply
        if what.kind is Kind.DROP:
            return await self._drop(what.path, method, body)
        if what.kind is Kind.INDEXING:
            return Reply(HTTPStatus.OK, msgspec.json.encode(await self.indexing(what.collection)))
        return await self._writes.make(what, method, body)

    async def _read(self, what: Route, method: str, body: bytes) -> Reply:
        """Asks, and again after the change that the engine was met in the middle of."""
        for _ in HALFWAY:  # each befalls a collection once
            reply = await self._ask(what, method, body)
            if reply.ok or not what.collection or not any(words in reply.body for words in HALFWAY):
                return reply
            await self._writes.between(what.collection, lambda: asyncio.sleep(0))
        return await self._ask(what, method, body)

    async def _ask(self, what: Route, method: str, body: bytes) -> Reply:
        if what.kind is Kind.QUERY:
            return await self._reads.query(what, body)
        return await self._sender.send(method, what.path, body, True)

    async def _drop(self, path: str, method: str, body: bytes) -> Reply:
        """Drops what a path names, with the files that Chroma leaves behind."""
        try:
            return await self._writes.drop(path, method, body)
        finally:
            await asyncio.to_thread(remove_folders, self._disk)
            self.maintenance.reclaimable.forget()

    async def reset(self) -> Reply:
        """Deletes everything; afterwards the files are prepared anew, as reset undoes that, too."""
        async with self._open.alone():
            reply = await self._drop("/api/v2/reset", "POST", b"")
            await self.rest()
            return reply

    async def rest(self) -> None:
        """Lets the engine sleep until the next request."""
        await self._supervisor.rest()

    @property
    def disk(self) -> Disk:
        """The files, for maintenance."""
        return self._disk

    def parked(self) -> AbstractAsyncContextManager[None]:
        """Within it no write runs and no collection is made or dropped; they wait."""
        return self._writes.parked()

    async def while_stopped(self, work: Callable[[], None]) -> None:
        """Stops the engine in order and does something to its files; the next request wakes it."""
        await self._supervisor.while_stopped(work)

    def quiet_seconds(self) -> float:
        """Seconds since the last request ended; 0 while one is under way."""
        return 0.0 if self._reading else self._sender.quiet_seconds()

    async def _look_after(self) -> None:
        """Lets an idle engine rest, and looks whether a busy one is alive."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.pid is None:
                continue
            if self._sender.quiet_seconds() >= IDLE_SECONDS:
                await self.rest()
            else:
                await self._supervisor.take_pulse()
