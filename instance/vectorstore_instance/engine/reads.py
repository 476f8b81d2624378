"""Concurrent queries that differ only in their vectors become one request to the engine.

The engine answers sixteen vectors in one call at 0.7 ms of CPU each, and alone at 1.6: most of a
query is hand-over between its threads and SQLite. So while a query is under way others wait, and all
that have come meanwhile go together; a second request may be under way when the first is full.
Answers are cut out of the engine's bytes; which is which follows from the order alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine.reply import Reply
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
    path: str
    body: bytes
    answer: asyncio.Future[Reply]


class Reads:
    """Queries of one instance on their way to the engine."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: list[_Waiting] = []
        self._sending = 0
        self._senders: set[asyncio.Task[None]] = set()

    async def query(self, path: str, body: bytes) -> Reply:
        """Answers one query: at once while no other is under way, else together with those that wait."""
        if not self._sending:
            self._sending += 1
            try:
                return await self._send(path, body)
            finally:
                self._ended()
        waiting = _Waiting(path, body, asyncio.get_running_loop().create_future())
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

    async def _together(self, group: list[tuple[_Waiting, wire.Query | None]]) -> None:
        queries = [query for _, query in group if query is not None]
        if len(group) == 1 or len(queries) < len(group):
            await asyncio.gather(*(self._alone(waiting) for waiting, _ in group))
            return
        try:
            reply = await self._send(group[0][0].path, _merge(queries))
            parts = split(reply.body, [len(query.query_embeddings) for query in queries]) if reply.ok else []
        except Exception as problem:
            _fail([waiting for waiting, _ in group], problem)
            return
        if not parts:  # one of them is wrong, a vector of another length perhaps: each gets its own answer
            await asyncio.gather(*(self._alone(waiting) for waiting, _ in group))
            return
        for (waiting, _), part in zip(group, parts, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(Reply(200, part))

    async def _alone(self, waiting: _Waiting) -> None:
        try:
            reply = await self._send(waiting.path, waiting.body)
        except Exception as problem:
            _fail([waiting], problem)
            return
        if not waiting.answer.done():
            waiting.answer.set_result(reply)


def _fail(group: list[_Waiting], problem: Exception) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(problem)


def _alike(batch: list[_Waiting]) -> list[list[tuple[_Waiting, wire.Query | None]]]:
    """Groups queries that may become one; what cannot be read as a query is left to the engine's answer."""
    if len(batch) == 1:
        return [[(batch[0], None)]]
    groups: dict[object, list[tuple[_Waiting, wire.Query | None]]] = {}
    for waiting in batch:
        query = _parse(waiting.body)
        key: object = waiting
        if query is not None:
            key = (
                waiting.path,
                query.n_results,
                *map(wire.present, (query.where, query.where_document, query.include)),
            )
        groups.setdefault(key, []).append((waiting, query))
    return list(groups.values())


def _parse(body: bytes) -> wire.Query | None:
    try:
        query = wire.decode(wire.query, body, "query")
    except ApiError:
        return None
    return query if query.ids is None and query.query_embeddings else None


def _merge(queries: list[wire.Query]) -> bytes:
    first = queries[0]
    vectors = b",".join(bytes(vector) for query in queries for vector in query.query_embeddings)
    parts = [b'{"query_embeddings":[', vectors, b'],"n_results":%d' % first.n_results]
    for name in ("where", "where_document", "include"):
        if value := wire.present(getattr(first, name)):
            parts.append(b',"%s":%s' % (name.encode(), value))
    return b"".join((*parts, b"}"))


def split(body: bytes, widths: list[int]) -> list[bytes]:
    """Cuts one answer into those of its queries.

    Args:
        body: the engine's answer to the merged query.
        widths: how many vectors each query had, in the order they were merged.

    Returns:
        An answer per query, made of the engine's own bytes.
    """
    merged = wire.answer.decode(body)
    include = bytes(merged.include)
    answers = []
    start = 0
    for width in widths:
        parts = [b'"%s":%s' % (name.encode(), _cut(column, start, start + width)) for name, column in merged.columns()]
        answers.append(b"{" + b",".join((*parts, b'"include":' + include)) + b"}")
        start += width
    return answers


def _cut(column: list[msgspec.Raw] | None, start: int, end: int) -> bytes:
    return b"null" if column is None else b"[" + b",".join(map(bytes, column[start:end])) + b"]"
