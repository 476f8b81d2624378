"""The tenant port as one ASGI application: every request passes the same stations in the same order.

Who asks and may (`access`), whether now (`admission`), how much at once (`limited`), then the face that the
path names. The wire API is raw ASGI. The text routes and Swagger are FastAPI, which is loaded with the
first request for them: an instance that only Chroma's clients use is 20 MiB smaller and starts 0.2 s
sooner. An error is rendered here, once, whichever station or face raised it.
"""

from __future__ import annotations

import asyncio
import logging
import re

from vectorstore_instance.api import chroma_v2, confined
from vectorstore_instance.api.asgi import (
    App,
    Disconnected,
    Message,
    Receive,
    Scope,
    Send,
    limited,
    refuse,
    send_in_blocks,
)
from vectorstore_instance.api.cors import cors, origins
from vectorstore_instance.core.access import authenticate, authorize
from vectorstore_instance.core.errors import ApiError, failed, unavailable
from vectorstore_instance.core.exchange import Exchange, begin, exchange_of
from vectorstore_instance.instance import Instance

log = logging.getLogger(__name__)

DOCUMENTS = re.compile(r"/api/v1/database(/|$)")
"""Of all that was Chroma's v1, these paths are the text routes'."""


def tenant_app(instance: Instance) -> App:
    """The application on the tenant port.

    Raises:
        ValueError: a setting is wrong.
    """
    faces = _Faces(instance)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = begin(scope)
        scope.setdefault("state", {})["exchange"] = exchange
        instance.observer.begun(exchange)
        marked = _marked(exchange, send)
        try:
            exchange.caller = await authenticate(scope, instance.keys, instance.tokens)
            authorize(exchange)
            if instance.restore and (reason := instance.restore.reason):
                raise unavailable(f"{reason}; try again when it has ended", retry_after=5)
            with instance.admission.admit(exchange, scope["headers"]) as place:
                most = instance.limits.current.max_body_bytes
                await faces.serve(scope, limited(receive, scope, most, place), marked)
        except ApiError as error:
            exchange.error, exchange.message = error.error, error.message
            await refuse(marked, error)
        except Disconnected:
            pass
        except Exception:
            log.exception("%s %s (%s)", exchange.method, exchange.path, exchange.id)
            fault = failed()
            exchange.error, exchange.message = fault.error, fault.message
            if not exchange.status:
                await refuse(marked, fault)
        finally:
            instance.observer.ended(exchange)

    return cors(app, origins(instance.settings.cors_origins))


class _Faces:
    """What a request may be for, behind the stations that all pass."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._text_routes: asyncio.Task[App] | None = None

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Has the face that the path names answer."""
        if scope["method"] == "HEAD":  # as GET; the server, which has a scope of its own, sends no body
            scope = {**scope, "method": "GET"}
        if scope["path"].startswith("/api/") and not DOCUMENTS.match(scope["path"]):
            await self._chroma(scope, receive, send)
            return
        if self._text_routes is None:
            self._text_routes = asyncio.create_task(asyncio.to_thread(_load_text_routes, self._instance))
        await (await self._text_routes)(scope, receive, send)

    async def _chroma(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = exchange_of(scope).caller
        if caller is None or caller.database is None:
            await chroma_v2.serve(self._instance, scope, receive, send)
        else:
            await confined.serve(self._instance, caller, scope, receive, send)


def _marked(exchange: Exchange, send: Send) -> Send:
    """A `send` that gives the answer its id and takes note of its status."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            message["headers"].append((b"chroma-trace-id", exchange.id.encode()))
        await send_in_blocks(send, message)

    return marked


def _load_text_routes(instance: Instance) -> App:
    from vectorstore_instance.api.app import create_app
    from vectorstore_instance.api.handover import ToLeader

    app = create_app(instance)
    return ToLeader(app, instance) if instance.settings.follows else app
