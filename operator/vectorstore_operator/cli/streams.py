"""Streams through the API server: a pod's log, and connections to a port of a pod."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from vectorstore_operator.cluster.errors import Transient, from_answer
from vectorstore_operator.cluster.kinds import POD

if TYPE_CHECKING:
    from vectorstore_operator.cluster.connection import Connection

_PROTOCOL = "v4.channel.k8s.io"
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)


class Streams:
    """Streams from and to the pods of one namespace; a context manager that closes them."""

    def __init__(self, api: Connection, namespace: str) -> None:
        self._api, self._namespace = api, namespace

    async def __aenter__(self) -> Streams:
        connector = aiohttp.TCPConnector(ssl=self._api.rest_client.ssl_context, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def log(self, pod: str, **query: str) -> AsyncIterator[bytes]:
        """A pod's log in pieces; with `follow="true"` as it comes, until the container ends.

        Raises:
            ClusterError: there is none, or it may not be read.
        """
        url, headers = await self._request(pod, "log", query)
        try:
            async with self._session.get(url, headers=headers, proxy=self._api.configuration.proxy) as answer:
                if answer.status != 200:
                    raise from_answer(answer.status, await answer.read(), None, f"log of pod {pod}")
                async for piece in answer.content.iter_any():
                    yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"log of pod {pod}: {error!r}") from error

    async def connect(self, pod: str, port: int) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """A connection to a pod's port, to be entered; `forward` knows its frames."""
        url, headers = await self._request(pod, "portforward", {"ports": str(port)})
        proxy = self._api.configuration.proxy
        return self._session.ws_connect(url, headers=headers, protocols=(_PROTOCOL,), proxy=proxy)

    async def _request(self, pod: str, what: str, query: dict[str, str]) -> tuple[str, dict[str, str]]:
        path = POD.path(self._namespace, pod, what)
        headers: dict[str, str] = {}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
        return f"{self._api.configuration.host}{path}?{urlencode(query)}", headers
