"""Concurrent queries become one: what waits while a query is under way goes together with the next.

Chroma answers sixteen vectors in one request at a third of the cost of sixteen requests. So a query
that finds none under way goes at once, and those that come meanwhile wait for its end and go together,
grouped by all that must be equal. One sender is enough until it is full; then there are two. What a
query is and how several become one is `question`'s; here is when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from vectorstore_instance.engine import question
from vectorstore_instance.engine.records import MOST, Records
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.route import Route
from vectorstore_instance.models import wire

Send = Callable[[str, bytes], Awaitable[Reply]]

WIDEST = 32
"""Queries in one request."""
MANY = 4
"""Queries in one request from which on it is worth while to wait for as many again."""
PAUSE = 0.001
"""Seconds that a sender gives those it has just answered to ask again: without, every other request holds a
single query, at twice the cost. Measured at 16 clients: a tenth less CPU per query, no fewer per second."""


@dataclass(eq=False, slots=True)
class _Waiting:
    route: Route
    body: bytes
    query: wire.Query | None
    """None for a body that can only be forwarded: the engine says what is wrong with it."""
    answer: asyncio.Future[Reply]


class Reads:
    """Queries of one instance on their way to the engine."""

    def __init__(self, send: Send, records: Records | None = None) -> None:
        """
        Args:
            send: path and body of a query -> the engine's answer.
            records: the rows, where their tables are here; else the engine is asked for them.
        """
        self._send = send
        self._records = records
        self._waiting: list[_Waiting] = []
        self._sending = 0
        self._senders: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Queries that wait to be asked together with others."""
        return len(self._waiting)

    async def query(self, route: Route, body: bytes) -> Reply:
        """Answers one query: at once while no other is under way, else together with those that wait."""
        query = question.parse(body)
        if not self._sending:
            self._sending += 1
            try:
                return await self._one(route, body, query)
            finally:
                self._ended()
        waiting = _Waiting(route, body, query, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._sending < 2 and len(self._waiting) >= WIDEST:
            self._begin()
        return await waiting.answer

    def _begin(self) -> None:
        self._sending += 1
        sender = asyncio.create_task(self._drain())
        self._senders.add(sender)
        sender.add_done_callback(self._senders.discard)

    def _ended(self) -> None:
        self._sending -= 1
        if self._waiting and not self._sending:
            self._begin()

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:WIDEST], self._waiting[WIDEST:]
                wanted = [waiting for waiting in batch if not waiting.answer.done()]
                try:
                    await asyncio.gather(*(self._together(group) for group in _alike(wanted)))
                except Exception as problem:  # nobody may be left waiting
                    _fail(wanted, problem)
                if 2 * len(self._waiting) < len(wanted) >= MANY:
                    await asyncio.sleep(PAUSE)
        finally:
            self._ended()

    async def _together(self, group: list[_Waiting]) -> None:
        queries = [waiting.query for waiting in group if waiting.query is not None]
        if len(group) == 1 or len(queries) < len(group):
            await asyncio.gather(*(self._alone(waiting) for waiting in group))
            return
        try:
            lean = question.lean(queries) if self._records else None
            answers = await self._ask(group[0].route, queries, lean)
        except Exception as problem:
            _fail(group, problem)
            return
        if answers is None or isinstance(answers, Reply):
            # One of them is wrong, a vector of another length perhaps, or all is too much: each gets its own.
            await asyncio.gather(*(self._alone(waiting) for waiting in group))
            return
        for waiting, answer in zip(group, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(Reply(200, answer))

    async def _alone(self, waiting: _Waiting) -> None:
        try:
            reply = await self._one(waiting.route, waiting.body, waiting.query)
        except Exception as problem:
            _fail([waiting], problem)
            return
        if not waiting.answer.done():
            waiting.answer.set_result(reply)

    async def _one(self, route: Route, body: bytes, query: wire.Query | None) -> Reply:
        lean = question.lean([query]) if query is not None and self._records else None
        answers = await self._ask(route, [query], lean) if query is not None and lean else None
        if answers is None:
            return await self._send(route.path, body)
        return answers if isinstance(answers, Reply) else Reply(200, answers[0])

    async def _ask(
        self, route: Route, queries: list[wire.Query], lean: question.Lean | None
    ) -> list[bytes] | Reply | None:
        """Asks several queries as one; their answers, or the engine's refusal.

        None where rows cannot be filled in: one was deleted after it was found, or they are long. Asked in full,
        the engine finds what there is now, and a long answer is best handed on unread.
        """
        reply = await self._send(route.path, question.merge(queries, lean.include if lean else None))
        if not reply.ok:
            return reply
        answer = wire.answer.decode(reply.body)
        if lean and self._records and not question.fill(answer, lean, route.collection, self._records):
            return None
        return question.split(answer, [len(query.query_embeddings) for query in queries])


def _fail(group: list[_Waiting], problem: Exception) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(problem)


def _alike(batch: list[_Waiting]) -> list[list[_Waiting]]:
    """Groups queries that may become one; what cannot be read as a query is left to the engine's answer."""
    groups: dict[object, list[_Waiting]] = {}
    for waiting in batch:
        query = waiting.query
        key = (waiting.route.path, *question.key(query)) if query is not None else waiting
        groups.setdefault(key, []).append(waiting)
    return [part for group in groups.values() for part in _parts(group)]


def _parts(group: list[_Waiting]) -> Iterator[list[_Waiting]]:
    """Cuts a group where it finds more rows than are looked up at once."""
    part: list[_Waiting] = []
    rows = 0
    for waiting in group:
        more = question.rows([waiting.query]) if waiting.query is not None else 0
        if part and rows + more > MOST:
            yield part
            part, rows = [], 0
        part.append(waiting)
        rows += more
    yield part
