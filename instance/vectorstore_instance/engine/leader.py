"""The engine of a follower: the store's leader, an instance like this one.

A follower opens no data. It authenticates, reads and embeds, and asks the leader in Chroma's own
protocol: what the leader acknowledged is what every follower answers. Quota and order are kept there.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from vectorstore_instance.core.admission import REQUESTS, Admission
from vectorstore_instance.core.exchange import current, note_rows
from vectorstore_instance.engine import Reply, State, Usage
from vectorstore_instance.engine.client import TLS
from vectorstore_instance.engine.elsewhere import Elsewhere
from vectorstore_instance.engine.reads import Reads
from vectorstore_instance.engine.route import Kind, route
from vectorstore_instance.engine.upstream import Headers, Patience, Upstream
from vectorstore_instance.models import wire

_PATIENCE = Patience(read=300, write=300, reads=1024, writes=1024)
"""The leader has limits and time-outs of its own; longer than any write within them takes."""


class LeaderEngine(Elsewhere):
    """The leader, asked by its URL."""

    def __init__(self, url: str, headers: Headers, tls: TLS, admission: Admission) -> None:
        """
        Args:
            url: where it answers.
            headers: the store's internal key.
            tls: what verifies it where its URL is https.
            admission: knows how many of the tenant's requests one to the leader stands for, which keeps the rate.

        Raises:
            ValueError: that is no URL.
        """

        def told() -> Mapping[str, str]:
            return {**headers(), REQUESTS: str(admission.handed_on()), **_trace()}

        self._admission = admission
        super().__init__(Upstream(url, told, "the store's leader", _PATIENCE, tls))
        self._reads = Reads(lambda path, body: self._ask("POST", path, body, Kind.QUERY))

    async def start(self) -> None:
        """Begins to look whether the leader answers."""
        self._upstream.start()

    async def stop(self) -> None:
        """Closes the connections."""
        self._upstream.stop()

    async def reset(self) -> Reply:
        """Deletes everything, where the leader allows it."""
        self._admission.hand_on()
        return await self._ask("POST", "/api/v2/reset", b"", Kind.DROP)

    def state(self) -> State:
        """Whether the leader is there."""
        return State("awake" if self._upstream.there else "away", waiting_reads=self._reads.waiting)

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Sends one request of Chroma's API; see `Engine`."""
        self._admission.hand_on()
        what = route(method, path)
        if what.kind is Kind.ROWS:
            note_rows(wire.count_ids(body))
        if what.kind is Kind.QUERY:
            return await self._reads.query(what, body)
        return await self._ask(method, what.path, body, what.kind)

    async def usage(self) -> Usage:
        """What the store holds, as the leader knows it."""
        self._admission.hand_on()
        told = (await self._ask("GET", "/stats", b"", Kind.READ)).unwrap()
        return msgspec.json.decode(told, type=Usage)

    async def _ask(self, method: str, path: str, body: bytes, kind: Kind) -> Reply:
        reads = kind in (Kind.READ, Kind.QUERY, Kind.INDEXING)
        reply = await self._upstream.ask(method, path, body, reads=reads, again=reads)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            reply.unwrap()  # raised, so that queries that came as one are refused as one and not asked each again
        return reply


def _trace() -> dict[str, str]:
    """The current request's id, so that the leader's log, audit and traces name the same."""
    exchange = current.get()
    return {"chroma-trace-id": exchange.id} if exchange is not None and not exchange.seconds else {}
