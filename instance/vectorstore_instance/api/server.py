"""One port of an instance: uvicorn, which leaves the process's signals to whoever runs several ports."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator

import uvicorn

from vectorstore_instance.api.asgi import App
from vectorstore_instance.api.connection import Connection

KEEP_ALIVE = 75
"""Seconds; HttpClient keeps connections for 40, and must not find one closed."""


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to us: there are two, and an engine to stop after them."""

    def __init__(self, app: App, connection: type[Connection], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ssl_context_factory=(lambda *_: tls) if tls else None,
                http=connection,
                ws="none",  # else what is installed beside would answer upgrades, past every station
                lifespan="off",
                access_log=False,
                log_config=None,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=30,
                server_header=False,
                proxy_headers=False,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
