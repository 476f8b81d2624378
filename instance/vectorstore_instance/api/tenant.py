"""The tenant port as one ASGI application: the key first, then the face that the path names.

The wire API is raw ASGI. The text routes and Swagger are FastAPI, which is loaded with the first
request for them: an instance that only Chroma's clients use is 20 MiB smaller and starts 0.2 s
sooner. An error is rendered here, once, whichever face raised it.
"""

from __future__ import annotations

import asyncio
import logging

from vectorstore_instance.api import chroma_v2
from vectorstore_instance.api.asgi import App, Disconnected, Message, Receive, Scope, Send, limited, refuse
from vectorstore_instance.core.access import authorize
from vectorstore_instance.core.errors import ApiError, failed
from vectorstore_instance.instance import Instance

log = logging.getLogger(__name__)


def tenant_app(instance: Instance) -> App:
    """The application on the tenant port."""
    text_routes: asyncio.Task[App] | None = None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        nonlocal text_routes
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            role = authorize(scope, instance.keys)
            scope.setdefault("state", {})["role"] = role
            if scope["method"] == "HEAD":  # as GET; the server, which has a scope of its own, sends no body
                scope = {**scope, "method": "GET"}
            body = limited(receive, scope, instance.limits.current.max_body_bytes)
            if scope["path"].startswith("/api/"):
                await chroma_v2.serve(instance, scope, body, noted)
            else:
                if text_routes is None:
                    text_routes = asyncio.create_task(asyncio.to_thread(_load_text_routes, instance))
                await (await text_routes)(scope, body, noted)
        except ApiError as error:
            await refuse(send, error)
        except Disconnected:
            return
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            if not begun:
                await refuse(send, failed())

    return app


def _load_text_routes(instance: Instance) -> App:
    from vectorstore_instance.api.app import create_app

    return create_app(instance)
