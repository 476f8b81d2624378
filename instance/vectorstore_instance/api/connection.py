"""A connection of the tenant port that cannot be held for nothing: uvicorn's own, with bounds.

Whoever reaches the port can open connections, with a key or without. A head must come within some
seconds and some bytes; a request that was answered and still sends its body is cut off in the end; a
large answer that nobody reads is given up, for it waits in memory; and beyond a number of connections
new ones are closed at once, so that those that serve somebody go on.
What a body may take is bounded per request (`asgi.limited`), which is woken from here to look at the time.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from vectorstore_instance.api.asgi import BODY_SECONDS
from vectorstore_instance.core.errors import ApiError, invalid, too_slow

MOST = min(2048, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
"""Connections at the same time: half of what the process may open, if that is less."""
HEAD_SECONDS = 20.0
"""Seconds within which the head of a request must be here, from the connection's start or its own first byte."""
HEAD_BYTES = 64 << 10
"""Bytes of a head; more than that are noticed with the next bytes that come."""
WHOLE_SECONDS = HEAD_SECONDS + BODY_SECONDS
"""Seconds within which a whole request must be here: for one that is refused already and still sends its body."""
UNREAD_SECONDS = 30.0
"""Seconds within which some blocks of an answer must be read (`asgi.send_in_blocks`)."""
LOOK_SECONDS = 5.0
"""How often that is looked at."""
FAREWELL_SECONDS = 1.0
"""Seconds that the client of an idle connection has to end TLS in its turn when the instance ends: asyncio waits 30."""


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began = 0.0
        """When the request that is coming in began to; 0 while none is."""
        self._in_head = True
        self._head_bytes = 0
        self._unread_since = 0.0
        """Since when there has been too much unread to write more; 0 while there is not."""
        self._alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= MOST:
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._began = self.loop.time()
        self._alarm = self.loop.call_later(LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._began:
            self._began = self.loop.time()
        if not self._in_head:
            super().data_received(data)
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            message = f"the head has more than {HEAD_BYTES} bytes; send fewer and shorter headers"
            self._refuse(ApiError(431, "InvalidArgumentError", message))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._began = 0.0
        super().on_message_complete()

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = 0.0
        super().resume_writing()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(FAREWELL_SECONDS, self._leave)

    def _leave(self) -> None:
        """Closes what is still open because its client does not answer, once all was sent."""
        if self.transport.get_write_buffer_size():
            self.loop.call_later(FAREWELL_SECONDS, self._leave)
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        self._refuse(invalid(f"{msg} Send HTTP/1.1, with names and paths percent-encoded"))

    def _look(self) -> None:
        """Ends what takes too long to come in or to be read, and has whoever waits for a body look at the time."""
        self._alarm = self.loop.call_later(LOOK_SECONDS, self._look)
        if self._unread_since and self.loop.time() - self._unread_since > UNREAD_SECONDS:
            self.transport.abort()
            return
        waited = self.loop.time() - self._began if self._began else 0.0
        if waited > (HEAD_SECONDS if self._in_head else WHOLE_SECONDS):
            self._refuse(too_slow(f"the request: its head was not here within {HEAD_SECONDS:.0f} s; send it at once"))
        elif waited and not self._in_head:
            self.cycle.message_event.set()

    def _refuse(self, error: ApiError) -> None:
        """Answers what cannot become a request, where nothing else was or is being answered, and closes."""
        if self._in_head and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(
                STATUS_LINE[error.status]
                + b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(error.body)
                + error.body
            )
            self.transport.close()
        else:
            self.transport.abort()


class PatientConnection(Connection):
    """One connection of the management port: a body may take as long as it takes, if only it goes on coming."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._began and not self._in_head and not self.cycle.response_complete:
            self._began = self.loop.time()
