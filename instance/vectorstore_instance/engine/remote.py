"""An engine elsewhere: the store's leader, or any other Chroma server.

A follower opens no data. It authenticates, reads and embeds, and asks the leader in Chroma's own
protocol: what the leader acknowledged is what every follower answers. Quota and order are kept there.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from vectorstore_instance.core.errors import unavailable
from vectorstore_instance.core.exchange import note_rows
from vectorstore_instance.engine import DATABASE, Reply, State, Usage
from vectorstore_instance.engine.client import Client, UpstreamLost
from vectorstore_instance.engine.reads import Reads
from vectorstore_instance.engine.route import Kind, route
from vectorstore_instance.models import wire

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 300.0
"""Longer than any write within the limits takes."""
_READY_EVERY = 2.0
_READY_WITHIN = 5.0


class RemoteEngine:
    """A Chroma server that is not our child."""

    def __init__(self, url: str, token: str | None, *, leader: bool) -> None:
        """
        Args:
            url: where it answers.
            token: the key it wants.
            leader: whether it is an instance of ours, which knows its usage, or a plain Chroma.
        """
        self._url = url
        self._leader = leader
        self._client = Client(url, token, _ANSWER_SECONDS)
        self._reads = Reads(lambda path, body: self._send("POST", path, body, True))
        self._watch: asyncio.Task[None] | None = None
        self._there = False

    async def start(self) -> None:
        """Begins to look whether the other side answers."""
        self._watch = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Closes the connections."""
        if self._watch is not None:
            self._watch.cancel()
        self._client.close()

    async def reset(self) -> Reply:
        """Deletes everything, where the other side allows it."""
        return await self._send("POST", "/api/v2/reset", b"", False)

    @property
    def ready(self) -> bool:
        """Whether the other side answered when it was last asked."""
        return self._there

    def state(self) -> State:
        """Whether the other side is there."""
        return State("awake" if self._there else "away", waiting_reads=self._reads.waiting)

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Sends one request of Chroma's API; see `Engine`."""
        what = route(method, path)
        if what.kind is Kind.ROWS:
            note_rows(wire.count_ids(body))
        if what.kind is Kind.QUERY:
            return await self._reads.query(what, body)
        return await self._send(method, what.path, body, what.kind is Kind.READ)

    async def usage(self) -> Usage:
        """What the store holds: the leader knows; of another Chroma, what its collections say."""
        if self._leader:
            told = (await self._send("GET", "/stats", b"", True)).unwrap()
            return msgspec.json.decode(told, type=Usage)
        listed = (await self._send("GET", f"{DATABASE}/collections", b"", True)).unwrap()
        ids = [collection["id"] for collection in msgspec.json.decode(listed)]
        counts = [(await self._send("GET", f"{DATABASE}/collections/{id_}/count", b"", True)).unwrap() for id_ in ids]
        return Usage(documents=sum(map(int, counts)), bytes=0, collections=len(ids))

    async def _send(self, method: str, path: str, body: bytes, again: bool) -> Reply:
        """Asks; a read that meets a closed connection is asked once more on a new one."""
        try:
            try:
                return await self._client.request(method, path, body)
            except UpstreamLost:
                if not again:
                    raise
                return await self._client.request(method, path, body)
        except UpstreamLost as lost:
            log.warning("%s does not answer: %s", self._url, lost)
            who = "the store's leader" if self._leader else "the store's engine"
            raise unavailable(f"{who} does not answer; try again in a moment", retry_after=2) from None

    async def _look(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_READY_WITHIN):
                    self._there = (await self._client.request("GET", "/api/v2/heartbeat")).ok
            except (TimeoutError, UpstreamLost):
                self._there = False
            await asyncio.sleep(_READY_EVERY)
