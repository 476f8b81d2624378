"""Documents and backups on a follower: they are the leader's, so requests for them are handed to it whole.

Bodies are streamed both ways. The follower has checked who asks; it shows the leader the store's
internal key, and says in which Chroma database its caller is at home.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstore_instance.api.asgi import Disconnected
from vectorstore_instance.api.simple import Here
from vectorstore_instance.core.admission import REQUESTS
from vectorstore_instance.core.errors import ApiError, unavailable
from vectorstore_instance.core.exchange import exchange_of
from vectorstore_instance.core.keys import internal_headers
from vectorstore_instance.core.roles import Role
from vectorstore_instance.core.tls import leader_trust
from vectorstore_instance.instance import Instance

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

PREFIX = "/api/v1/database"
HANDED = (PREFIX, "/backup", "/restore")
"""Paths, each with all below it, that the leader answers."""
DATABASE = "x-vectorstore-database"
"""Header in which a follower names the database; believed from the internal key alone."""
_KEPT = ("content-type", "content-length", "accept", "traceparent")
_ANSWERED = ("content-type", "location", "retry-after")
_CONNECT_SECONDS = 5.0
_BLOCK = 1 << 16


async def database_of(request: Request, instance: Here) -> str:
    """The name of the Chroma database that a request works on."""
    caller = exchange_of(request.scope).caller
    if caller is not None and caller.role is Role.INTERNAL:
        caller = replace(caller, database=request.headers.get(DATABASE))
    return await instance.databases.of(caller)


Database = Annotated[str, Depends(database_of)]


class ToLeader:
    """Hands the requests for documents and backups to the leader; all others go on."""

    def __init__(self, app: ASGIApp, instance: Instance) -> None:
        self._app = app
        self._instance = instance
        self._key = internal_headers(instance.settings.keys_dir)
        self._trust = leader_trust(instance.settings.tls_dir)
        self._session: ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        prefix = next((one for one in HANDED if f"{scope.get('path', '')}/".startswith(f"{one}/")), None)
        if scope["type"] == "http" and prefix:
            exchange_of(scope).route = prefix
            await self._hand_over(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _hand_over(self, scope: Scope, receive: Receive, send: Send) -> None:
        import aiohttp
        from yarl import URL

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        body = _Body(receive)
        query = scope["query_string"].decode("latin-1")
        url = f"{self._instance.settings.leader_url}{scope['raw_path'].decode('latin-1')}" + (
            f"?{query}" if query else ""
        )
        trust = self._trust()
        # Whatever the method: of a body that is announced and not sent, the next request would be taken for the rest.
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        try:
            async with self._session.request(
                scope["method"],
                URL(url, encoded=True),
                headers=self._headers(scope),
                data=body.blocks() if has_body else None,
                allow_redirects=False,
                ssl=trust.context,
                server_hostname=trust.name,
            ) as response:
                await _answer(response, send)
        except aiohttp.ClientError as problem:
            if body.problem is not None:  # the client's own doing, not the leader's
                raise body.problem from None
            raise unavailable("the store's leader does not answer; try again in a moment", retry_after=2) from problem

    def _headers(self, scope: Scope) -> dict[str, str]:
        caller = exchange_of(scope).caller
        names = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        headers = {name: value for name, value in names if name in _KEPT}
        headers |= self._key.current
        headers["chroma-trace-id"] = exchange_of(scope).id
        self._instance.admission.hand_on()
        headers[REQUESTS] = str(self._instance.admission.handed_on())
        if caller is not None and caller.database is not None:
            headers[DATABASE] = caller.database
        return headers


class _Body:
    """A request's body as it comes, and what was wrong with it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.problem: Exception | None = None

    async def blocks(self) -> AsyncIterator[bytes]:
        """The body.

        Raises:
            ApiError, Disconnected: it ends before its end.
        """
        try:
            more = True
            while more:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                more = message.get("more_body", False)
                yield message.get("body", b"")
        except (ApiError, Disconnected) as problem:
            self.problem = problem
            raise


async def _answer(response: ClientResponse, send: Send) -> None:
    headers = [(name.encode(), response.headers[name].encode()) for name in _ANSWERED if name in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    async for block in response.content.iter_chunked(_BLOCK):
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
