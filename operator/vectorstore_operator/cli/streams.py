"""Streams through the API server: a pod's log, and connections to a port of a pod.

A connection is a WebSocket of its own, whose frames begin with the number of a channel: 0 carries the
data and 1 errors, and the first frame of each says the port:
https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from vectorstore_operator.errors import ClusterError, Transient, from_answer
from vectorstore_operator.kinds import KINDS
from vectorstore_operator.local import Problem

if TYPE_CHECKING:
    from vectorstore_operator.cluster import Connection

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = b"\0", 1
_CHUNK = 1 << 16
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
        """A connection to a pod's port, to be entered; see `carry`."""
        url, headers = await self._request(pod, "portforward", {"ports": str(port)})
        proxy = self._api.configuration.proxy
        return self._session.ws_connect(url, headers=headers, protocols=(_PROTOCOL,), proxy=proxy)

    async def _request(self, pod: str, what: str, query: dict[str, str]) -> tuple[str, dict[str, str]]:
        path = KINDS["Pod"].path(self._namespace, pod, what)
        headers: dict[str, str] = {}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
        return f"{self._api.configuration.host}{path}?{urlencode(query)}", headers


class Forward:
    """A loopback port whose connections are carried to a pod."""

    def __init__(
        self, streams: Streams, pod: Callable[[], Awaitable[str]], port: int, say: Callable[[str], None]
    ) -> None:
        """
        Args:
            streams: the way there.
            pod: asked for every connection, so that a pod that was replaced is no end.
            port: the pod's.
            say: told of connections that fail.
        """
        self._streams, self._pod, self._port, self._say = streams, pod, port, say

    async def check(self) -> None:
        """Opens one connection to see whether it may.

        Raises:
            ClusterError: it may not, or the pod does not take it.
        """
        pod = await self._pod()
        try:
            async with await self._streams.connect(pod, self._port):
                return
        except aiohttp.WSServerHandshakeError as error:
            raise from_answer(error.status, b"", None, f"port-forward to pod {pod} (create pods/portforward)") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"port-forward to pod {pod}: {error!r}") from error

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end; for `asyncio.start_server`."""
        try:
            async with await self._streams.connect(await self._pod(), self._port) as socket:
                up = asyncio.create_task(_send(reader, socket))
                try:
                    await self._receive(socket, writer)
                finally:
                    up.cancel()
        except (aiohttp.ClientError, ClusterError, Problem, OSError) as error:
            self._say(f"a connection failed: {error}")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
        told: set[int] = set()
        async for message in socket:
            channel, data = message.data[0], message.data[1:]
            if channel not in told:  # the port, in two bytes
                told.add(channel)
                data = data[2:]
            if channel == _ERROR and data:
                self._say(f"a connection failed: {data.decode(errors='replace').strip()}")
                return
            writer.write(data)
            await writer.drain()


async def _send(reader: asyncio.StreamReader, socket: aiohttp.ClientWebSocketResponse) -> None:
    """Until the client says no more: the protocol cannot close one direction alone, so both end."""
    with suppress(aiohttp.ClientError, OSError):
        while data := await reader.read(_CHUNK):
            await socket.send_bytes(_DATA + data)
    await socket.close()
