"""The engine of a follower: the store's leader, an instance like this one.

A follower opens no data. It authenticates, reads and embeds, and asks the leader in Chroma's own
protocol: what the leader acknowledged is what every follower answers. Quota and order are kept there.
"""

from __future__ import annotations

import msgspec

from vectorstore_instance.engine import Reply, State, Usage
from vectorstore_instance.engine.reads import Reads
from vectorstore_instance.engine.route import Kind, route
from vectorstore_instance.engine.upstream import Patience, Upstream

_PATIENCE = Patience(read=300, write=300, reads=1024, writes=1024)
"""The leader has limits and time-outs of its own; longer than any write within them takes."""


class LeaderEngine:
    """The leader, asked by its URL."""

    def __init__(self, url: str, key: str) -> None:
        """
        Args:
            url: where it answers.
            key: the store's internal key.
        """
        headers = {"x-chroma-token": key}
        self._upstream = Upstream(url, lambda: headers, "the store's leader", _PATIENCE)
        self._reads = Reads(lambda path, body: self._ask("POST", path, body, Kind.QUERY))

    async def start(self) -> None:
        """Begins to look whether the leader answers."""
        self._upstream.start()

    async def stop(self) -> None:
        """Closes the connections."""
        self._upstream.stop()

    async def reset(self) -> Reply:
        """Deletes everything, where the leader allows it."""
        return await self._ask("POST", "/api/v2/reset", b"", Kind.DROP)

    @property
    def ready(self) -> bool:
        """Whether the leader answered when it was last asked."""
        return self._upstream.there

    def state(self) -> State:
        """Whether the leader is there."""
        return State("awake" if self._upstream.there else "away", waiting_reads=self._reads.waiting)

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Sends one request of Chroma's API; see `Engine`."""
        what = route(method, path)
        if what.kind is Kind.QUERY:
            return await self._reads.query(what, body)
        return await self._ask(method, what.path, body, what.kind)

    async def usage(self) -> Usage:
        """What the store holds, as the leader knows it."""
        told = (await self._ask("GET", "/stats", b"", Kind.READ)).unwrap()
        return msgspec.json.decode(told, type=Usage)

    async def _ask(self, method: str, path: str, body: bytes, kind: Kind) -> Reply:
        reads = kind in (Kind.READ, Kind.QUERY, Kind.INDEXING)
        return await self._upstream.ask(method, path, body, reads=reads, again=reads)
