"""One ordered queue per collection for all its writes: what comes first is there first.

The queue is also what makes the quota exact, small writes cheap (those that wait share a commit) and
large ones polite (they go in pieces, so that queries get in between). Requests that change which
collections there are run alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote

from vectorstore_instance.core.errors import ApiError, already_there, unavailable
from vectorstore_instance.core.exchange import note_rows
from vectorstore_instance.engine import batch
from vectorstore_instance.engine.gate import Gate
from vectorstore_instance.engine.lane import Lane, Pause, Write, patience, rows_of, take
from vectorstore_instance.engine.modifying import modify
from vectorstore_instance.engine.quota import Quota
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.rhythm import Rhythm
from vectorstore_instance.engine.route import REFUSE_KNOWN, Kind, Route
from vectorstore_instance.engine.tables import Tables
from vectorstore_instance.models import wire
from vectorstore_instance.settings import Limits

Send = Callable[[str, str, bytes, bool], Awaitable[Reply]]
"""Method, path, body, whether it may be sent again -> the engine's answer."""

PIECE = 200
"""Rows of a large write that go at once while nobody reads; half of it while somebody does."""
REFUSED = (400, 422)
"""Answers that say that the engine changed nothing."""


class Writes:
    """Writes of one instance on their way to the engine."""

    def __init__(
        self, send: Send, tables: Tables, quota: Quota, limits: Callable[[], Limits], reading: Callable[[], bool]
    ) -> None:
        self._send = send
        self._tables = tables
        self._quota = quota
        self._limits = limits
        self._reading = reading
        self._rhythm = Rhythm(lambda path, body: self._modify(path, body, again=True), tables.path)
        self._gate = Gate()
        self._shape = asyncio.Lock()
        """Held while it changes which collections there are."""
        self._lanes: dict[str, Lane] = {}
        self._writers: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Writes that wait for those before them in their collections."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    async def write(self, route: Route, body: bytes) -> Reply:
        """Puts a change of rows or of a collection into its collection's queue and answers when it is done."""
        rows = batch.read_rows(route.verb, body, self._limits()) if route.kind is Kind.ROWS else None
        if rows is not None:
            note_rows(len(rows.ids))
        return await self._queued(Write(route, body, rows))

    async def between(self, collection: str, pause: Pause) -> None:
        """Does something when the collection's writes before it have ended, while those after it wait."""
        await self._queued(Write(Route(Kind.MODIFY, collection), b"", None, pause))

    async def _queued(self, write: Write) -> Reply:
        collection = write.route.collection
        lane = self._lanes.get(collection)
        if lane is None:
            lane = self._lanes[collection] = Lane()
            writer = asyncio.create_task(self._work(collection, lane))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        lane.put(write)
        return await write.answer

    async def make(self, route: Route, method: str, body: bytes) -> Reply:
        """Makes a collection, a database or a tenant. Collections one after another: they are counted."""
        if route.label != "collection":
            return await self._send(method, route.path, body, _may_repeat(body))
        async with self._shape:
            refusal = self._quota.one_too_many()
            if refusal is not None and not await self.is_there(route, body):
                raise refusal
            try:
                reply = await self._send(method, route.path, body, _may_repeat(body))
            except Exception:
                async with self._gate.alone():
                    await self._quota.recollect()
                raise
            if reply.ok:
                self._quota.recount_one(wire.decode(wire.made, reply.body, "collection").id)
            return reply

    @asynccontextmanager
    async def parked(self) -> AsyncIterator[None]:
        """Within it no write runs and no collection is made or dropped; they wait."""
        async with self._shape, self._gate.alone():
            yield

    async def drop(self, path: str, method: str, body: bytes) -> Reply:
        """Drops a collection, a database or everything, when the writes under way have ended."""
        async with self.parked():
            try:
                return await self._send(method, path, body, False)
            finally:
                await self._quota.recollect()

    async def is_there(self, route: Route, body: bytes) -> bool:
        """Whether it is to make a collection of a name that is there: then nothing is added."""
        if route.kind is not Kind.MAKE or route.label != "collection":
            return False
        name = wire.decode(wire.create, body, "create").name
        return (await self._send("GET", f"{route.path.partition('?')[0]}/{quote(name, safe='')}", b"", True)).ok

    async def drain(self) -> None:
        """Returns when every write that was taken has ended."""
        while self._writers:
            await asyncio.wait(self._writers)

    async def _work(self, collection: str, lane: Lane) -> None:
        try:
            while lane.waiting:
                began = time.monotonic()
                together = take(lane.waiting)
                await self._carry_out(collection, together)
                if len(together) > 1:  # else the first to come again would have a commit alone, while the others wait
                    await lane.gather(len(together), patience(time.monotonic() - began))
        finally:
            del self._lanes[collection]
            for write in lane.waiting:  # only where something broke that is nobody's fault: nobody may be left waiting
                write.end(unavailable("the write was not begun; send it again"))

    async def _carry_out(self, collection: str, writes: list[Write]) -> None:
        kind = writes[0].route.kind
        async with self._gate.shared():
            try:
                if (pause := writes[0].pause) is not None:
                    await pause()
                    writes[0].end(Reply(200, b""))
                elif kind is Kind.ROWS:
                    await self._commit(collection, writes)
                elif kind is Kind.DELETE:
                    await self._delete(collection, writes[0])
                else:
                    self._rhythm.forget(collection)
                    writes[0].end(await self._modify(writes[0].route.path, writes[0].body, again=False))
            except Exception as problem:
                for write in writes:
                    write.end(problem)
                self._quota.doubt(collection)

    async def _commit(self, collection: str, writes: list[Write]) -> None:
        """Writes the rows of one or more writes with disjoint ids, those of them that have room."""
        ids = [id_ for write in writes for id_ in rows_of(write).ids]
        new = set() if writes[0].route.verb == "update" else self._quota.new_ids(collection, ids)
        admitted: list[Write] = []
        reserved = 0
        for write in writes:
            count = len(new.intersection(rows_of(write).ids))
            try:
                if write.route.path.endswith(REFUSE_KNOWN):
                    _refuse_known(rows_of(write).ids, new)
                self._quota.reserve(count)
            except ApiError as refusal:
                write.end(refusal)
            else:
                admitted.append(write)
                reserved += count
        if not admitted:
            return
        change = 0
        try:
            path = writes[0].route.path.partition("?")[0].rpartition("/")[0]
            small = len(rows_of(admitted[0]).ids) <= batch.SMALL
            await self._rhythm.fit(collection, path, self._quota.of(collection), small=small)
            reply = await self._rows(collection, admitted)
            change = reserved if reply.ok else 0
        finally:
            self._quota.settle(collection, reserved, change)
        if reply.status in REFUSED and len(admitted) > 1:  # one is wrong: the others shall not suffer
            for write in admitted:
                await self._commit(collection, [write])
        else:
            if not reply.ok:
                self._quota.doubt(collection)
            for write in admitted:
                write.end(reply)

    async def _rows(self, collection: str, writes: list[Write]) -> Reply:
        first = writes[0]
        if len(writes) > 1:
            return await self._send("POST", first.route.path, batch.merge([rows_of(w) for w in writes]), True)
        rows = rows_of(first)
        found = self._tables.segment_and_dimension(collection)
        if len(rows.ids) <= PIECE or found is None or not batch.proven(rows, found[1]):
            return await self._send("POST", first.route.path, first.body, True)
        size = PIECE // 2 if self._reading() else PIECE
        for piece in batch.pieces(rows, size):
            reply = await self._send("POST", first.route.path, piece, True)
            if not reply.ok:
                break
        return reply

    async def _modify(self, path: str, body: bytes, *, again: bool) -> Reply:
        return await modify(lambda: self._send("PUT", path, body, again))

    async def _delete(self, collection: str, write: Write) -> None:
        body = batch.read_delete(write.body, self._limits())
        by_ids = body.ids is not None and not (wire.present(body.where) or wire.present(body.where_document))
        known = len(set(body.ids or ())) - len(self._quota.new_ids(collection, body.ids or [])) if by_ids else 0
        reply = await self._send("POST", write.route.path, write.body, body.limit is None)
        if by_ids and reply.ok:
            self._quota.settle(collection, 0, -known)
        else:
            self._quota.recount_one(collection)
        write.end(reply)


def _may_repeat(body: bytes) -> bool:
    """Whether making something twice is as good as once."""
    try:
        return wire.decode(wire.create, body, "create").get_or_create
    except ApiError:
        return False


def _refuse_known(ids: list[str], new: set[str]) -> None:
    if known := next((id_ for id_ in ids if id_ not in new), None):
        raise already_there(known)
