"""An engine elsewhere: any Chroma server, in front of which this instance is a door.

It opens no data and starts no child. Keys, limits on rows, bodies and dimension, texts and documents are
kept here as they are before an engine of our own; the quota of documents is counted over the API
(`counted`). The store is one tenant there, under the names that `names` gives it. Order is the other
server's: every request is forwarded as it comes, so that one that is slow holds up no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from vectorstore_instance.core.errors import ApiError, already_there, forbidden, not_found
from vectorstore_instance.core.exchange import note_rows
from vectorstore_instance.engine import Reply, State, Usage, batch, cost, searching
from vectorstore_instance.engine.counted import FRESH, Counted
from vectorstore_instance.engine.elsewhere import Elsewhere, checked
from vectorstore_instance.engine.headers import engine_headers
from vectorstore_instance.engine.names import Names
from vectorstore_instance.engine.route import REFUSE_KNOWN, Kind, Route, route
from vectorstore_instance.engine.upstream import Headers, Patience, Upstream
from vectorstore_instance.models import wire
from vectorstore_instance.settings import Limits, Settings

_READS = (Kind.READ, Kind.QUERY, Kind.INDEXING)
_REPEATABLE = (*_READS, Kind.ROWS)
"""Kinds that may be sent twice: rows are written under ids."""
_REMEMBERED = 10_000


class _Ids(msgspec.Struct):
    ids: list[str]


_ids = msgspec.json.Decoder(_Ids)


def remote_engine(settings: Settings, limits: Callable[[], Limits]) -> RemoteEngine:
    """The engine at ENGINE_URL.

    Raises:
        ValueError: what is wrong with which setting.
    """
    url = settings.engine_url or ""
    headers = engine_headers(settings.engine_token_file, settings.engine_headers_file)
    try:
        if url != _public(url):
            raise ValueError
        return RemoteEngine(url, headers, Names(settings.engine_tenant, settings.engine_database), limits)
    except ValueError:
        raise ValueError(
            f"ENGINE_URL: {_public(url)!r} is not the URL of a server, without user or query: give it like "
            "https://host:8000, and what it wants to see in ENGINE_TOKEN_FILE or ENGINE_HEADERS_FILE"
        ) from None


def _public(url: str) -> str:
    """A URL without what may be a secret."""
    return re.sub(r"(?<=//)[^/]*@|\?.*", "", url)


class RemoteEngine(Elsewhere):
    """A Chroma server that is not ours."""

    def __init__(
        self, url: str, headers: Headers, names: Names, limits: Callable[[], Limits], patience: Patience | None = None
    ) -> None:
        """
        Args:
            url: where it answers.
            headers: what it wants to see: a token, further headers.
            names: what the store's tenant and database are called there.
            limits: what the tenant may do now.
            patience: how long to wait for it.

        Raises:
            ValueError: that is no URL.
        """
        super().__init__(Upstream(url, headers, "the store's engine", patience or Patience()))
        self._names = names
        self._limits = limits
        self._quota = Counted(lambda method, path: self._forward(method, route(method, path), b""), limits)
        self._scheduled: asyncio.Task[None] | None = None
        self._ours: set[str] = set()
        """Collections known to be in the store's database there."""

    async def start(self) -> None:
        """Begins to look whether the other server answers, and to count what it holds."""
        self._upstream.start()
        self._scheduled = asyncio.create_task(self._count_on())

    async def stop(self) -> None:
        """Closes the connections."""
        if self._scheduled is not None:
            self._scheduled.cancel()
        self._upstream.stop()

    async def reset(self) -> Reply:
        """Deletes everything on the other server, where that allows it and all of it is this store's."""
        if self._names != Names():
            raise forbidden("reset: it would delete what is not this store's; delete its collections instead")
        reply = await self._forward("POST", route("POST", "/api/v2/reset"), b"")
        self._quota.changed()
        return reply

    def state(self) -> State:
        """Whether the other server is there."""
        return State("awake" if self._upstream.there else "away")

    async def usage(self) -> Usage:
        """What the store holds, or somewhat more, while it is written to; its bytes are not known."""
        await self._quota.refresh(age=FRESH)
        return Usage(documents=self._quota.documents, bytes=0, collections=self._quota.collections)

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Sends one request of Chroma's API; see `Engine`."""
        what = route(method, path)
        cost.check(what, body, self._limits())
        if what.collection and self._names != Names():
            await self._check_ours(what)
        if what.kind is Kind.ROWS:
            return await self._write(method, what, body)
        if what.kind is Kind.DELETE:
            batch.read_delete(body, self._limits())
        if what.label == "search":
            searching.check(body, self._limits())
        if what.label == "fork" and method == "POST":
            return await self._fork(what, body)
        makes = what.kind is Kind.MAKE and what.label == "collection"
        if makes:
            await self._quota.room_for_collection(lambda: self._has(what, body))
        reply = await self._forward(method, what, body)
        if reply.ok and what.kind in (Kind.DELETE, Kind.DROP, Kind.MAKE):
            self._quota.changed(collections=int(makes))
        return reply

    async def _write(self, method: str, what: Route, body: bytes) -> Reply:
        rows = batch.read_rows(what.verb, body, self._limits())
        note_rows(len(rows.ids))
        if what.path.endswith(REFUSE_KNOWN):
            what = what._replace(path=what.path.removesuffix(REFUSE_KNOWN))
            if known := await self._known(what, rows.ids):
                raise already_there(known[0])

        async def known_count() -> int:
            return len(await self._known(what, rows.ids))

        reserved = 0 if what.verb == "update" else await self._quota.reserve(len(rows.ids), known_count)
        written = True  # unless the engine says no
        try:
            reply = await self._forward(method, what, body)
            written = reply.ok
        finally:
            self._quota.settle(reserved, written=written)
        return reply

    async def _fork(self, what: Route, body: bytes) -> Reply:
        """Copies a collection: one more, and as many documents as it has."""
        count = route("GET", f"{what.path.partition('?')[0].removesuffix('fork')}count")
        copied = msgspec.json.decode((await self._forward("GET", count, b"")).unwrap(), type=int)

        async def none() -> int:
            return 0

        async def missing() -> bool:
            return False

        await self._quota.room_for_collection(missing)
        reserved = await self._quota.reserve(copied, none)
        written = True  # unless the engine says no
        try:
            reply = await self._forward("POST", what, body)
            written = reply.ok
        finally:
            self._quota.settle(reserved, written=written)
        if reply.ok:
            self._quota.changed(collections=1)
        return reply

    async def _known(self, what: Route, ids: list[str]) -> list[str]:
        asked = msgspec.json.encode({"ids": ids, "include": []})
        get = route("POST", what.path.partition("?")[0].removesuffix(what.verb) + "get")
        return _ids.decode((await self._forward("POST", get, asked)).unwrap()).ids

    async def _has(self, what: Route, body: bytes) -> bool:
        name = wire.decode(wire.create, body, "create").name
        path = f"{what.path.partition('?')[0]}/{quote(name, safe='')}"
        return (await self._forward("GET", route("GET", path), b"")).ok

    async def _check_ours(self, what: Route) -> None:
        """A single node finds a collection by its id whatever database the path names; so that is asked first."""
        if what.collection in self._ours:
            return
        base = what.path.partition("/collections/")[0]
        by_id = route("GET", f"{base}/collections/by-id/{quote(what.collection, safe='')}")
        reply = await self._forward("GET", by_id, b"")
        if reply.status == HTTPStatus.NOT_FOUND:
            raise not_found(f"Collection [{what.collection}] does not exist.")
        reply.unwrap()
        if len(self._ours) >= _REMEMBERED:
            self._ours.clear()
        self._ours.add(what.collection)

    async def _forward(self, method: str, what: Route, body: bytes) -> Reply:
        path = self._names.out(what)
        reads = what.kind in _READS
        reply = await self._upstream.ask(method, path, body, reads=reads, again=what.kind in _REPEATABLE)
        return self._names.back(what, checked(reply))

    async def _count_on(self) -> None:
        """Counts on a schedule; a server that is away is counted when it is back."""
        while True:
            with contextlib.suppress(ApiError, msgspec.MsgspecError):
                await self._quota.count()
            await asyncio.sleep(self._quota.wait if self._upstream.there else 1.0)
