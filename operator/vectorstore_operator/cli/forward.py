"""A loopback port whose connections are carried to a pod.

Each has a WebSocket of its own, whose frames begin with the number of a channel: 0 carries the data and 1
errors, and the first frame of each says the port:
https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp

from vectorstore_operator.cli.streams import Streams
from vectorstore_operator.cluster.errors import ClusterError, Transient, from_answer
from vectorstore_operator.local import Problem

Socket = aiohttp.ClientWebSocketResponse

_DATA, _ERROR = b"\0", 1
_CHUNK = 1 << 16


class Forward:
    """Carries connections; `carry` is for `asyncio.start_server`."""

    def __init__(
        self, streams: Streams, pod: Callable[[], Awaitable[str]], port: int, tls: bool, say: Callable[[str], None]
    ) -> None:
        """
        Args:
            streams: the way there.
            pod: asked for every connection, so that a pod that was replaced is no end.
            port: the pod's.
            tls: whether the pod speaks TLS; its clients here do not have to.
            say: told of connections that fail.
        """
        self._streams, self._pod, self._port, self._tls, self._say = streams, pod, port, tls, say

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
        """One connection, from its beginning to its end."""
        try:
            async with await self._streams.connect(await self._pod(), self._port) as there:
                way = self._secured if self._tls else self._plain
                await way(there, reader, writer)
        except (aiohttp.ClientError, ClusterError, Problem, OSError) as error:
            self._say(f"a connection failed: {error}")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _secured(self, there: Socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = socket.socketpair()
        tunnel = asyncio.create_task(self._plain(there, *await asyncio.open_connection(sock=near)))
        # The API server and the kubelet lead into this very pod: its certificate, which is for the names that
        # clients in the cluster use, would prove nothing more.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            secured = await asyncio.open_connection(sock=far, ssl=context, server_hostname="")
            up = asyncio.create_task(_copy(reader, secured[1]))
            await _copy(secured[0], writer)
            up.cancel()
        finally:
            tunnel.cancel()

    async def _plain(self, there: Socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up = asyncio.create_task(_send(reader, there))
        try:
            await self._receive(there, writer)
        finally:
            up.cancel()
            writer.close()

    async def _receive(self, there: Socket, writer: asyncio.StreamWriter) -> None:
        told: set[int] = set()
        async for message in there:
            channel, data = message.data[0], message.data[1:]
            if channel not in told:  # the port, in two bytes
                told.add(channel)
                data = data[2:]
            if channel == _ERROR and data:
                self._say(f"a connection failed: {data.decode(errors='replace').strip()}")
                return
            writer.write(data)
            await writer.drain()


async def _send(reader: asyncio.StreamReader, there: Socket) -> None:
    """Until the client says no more: the protocol cannot close one direction alone, so both end."""
    with suppress(aiohttp.ClientError, OSError):
        while data := await reader.read(_CHUNK):
            await there.send_bytes(_DATA + data)
    await there.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
