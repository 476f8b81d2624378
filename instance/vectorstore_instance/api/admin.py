"""The management port: probes without a token or content, numbers, and the admin surface with its own key."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import msgspec

from vectorstore_instance.api import asked, maintenance, reload, restore, snapshot
from vectorstore_instance.api.asgi import App, Receive, Scope, Send, answer, refuse
from vectorstore_instance.api.metrics import Metrics
from vectorstore_instance.api.probes import PROBES, Probes
from vectorstore_instance.core.errors import ApiError, not_found, unauthorized, unavailable
from vectorstore_instance.core.roles import Role
from vectorstore_instance.instance import Instance


def management_app(instance: Instance, stopping: Callable[[], bool]) -> App:
    """The application on the management port.

    Args:
        instance: whose port it is.
        stopping: whether the instance was told to end.
    """
    probes = Probes(instance.engine, stopping, lambda: instance.restore.reason if instance.restore else "")
    metrics = Metrics(instance)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            if scope["path"] == "/metrics":
                accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
                page, content_type = await metrics.page(accept)
                await answer(send, HTTPStatus.OK, page, content_type.encode())
            elif scope["path"] in PROBES:
                if reason := probes.answer(scope["path"]):
                    raise unavailable(reason)
                await answer(send, HTTPStatus.OK, b"{}")
            elif f"{scope['path']}/".startswith(f"{maintenance.PATH}/"):
                _authorize(instance, scope)
                await answer(send, *await maintenance.respond(instance, scope, receive))
            elif scope["path"] == snapshot.PATH and scope["method"] == "GET":
                _authorize(instance, scope)
                await snapshot.serve(instance, scope, receive, send)
            else:
                await answer(send, HTTPStatus.OK, await _respond(instance, scope, receive))
        except ApiError as error:
            await refuse(send, error)

    return app


async def _respond(instance: Instance, scope: Scope, receive: Receive) -> bytes:
    path: str = scope["path"]
    if path == reload.PATH and scope["method"] in ("GET", "POST"):
        _authorize(instance, scope)
        pushed = scope["method"] == "POST"
        return msgspec.json.encode(await reload.reload(instance, receive) if pushed else reload.in_force(instance))
    if path == restore.PATH:
        _authorize(instance, scope)
        return await restore.respond(instance, scope, receive)
    if path == asked.PATH and scope["method"] == "POST":
        _authorize(instance, scope)
        return await asked.respond(instance, scope, receive)
    if path == "/admin/usage" and scope["method"] == "GET":
        _authorize(instance, scope)
        if instance.restore and instance.restore.reason:
            raise unavailable(instance.restore.reason)
        usage = await instance.engine.usage()
        return msgspec.json.encode(
            {
                "documents": usage.documents,
                "limit": instance.limits.current.max_documents,
                "bytes": usage.bytes,
                "collections": usage.collections,
                "reclaimableBytes": usage.reclaimableBytes,
                "lastRequest": instance.observer.tally.last_request,
                **asked.shown(instance),
            }
        )
    raise not_found(f"{scope['method']} {path} is not a route of the management port")


def _authorize(instance: Instance, scope: Scope) -> None:
    given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    if instance.keys.role(given.removeprefix("Bearer ").strip()) is not Role.ADMIN:
        raise unauthorized("the admin key is required: Authorization: Bearer KEY")
