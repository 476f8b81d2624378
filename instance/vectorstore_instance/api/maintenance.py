"""`/admin/maintenance`: begins an operation on the files, and says how far each one is.

POST /admin/maintenance        {"operation": "rebuild", "collection": "documents"} -> 202
GET  /admin/maintenance        {"operations": [...], "reclaimable": {...}}, the last first
GET  /admin/maintenance/{id}   one of them
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec

from vectorstore_instance.api.asgi import Receive, Scope, limited, read_body
from vectorstore_instance.core.errors import ApiError, invalid, malformed, no_room, not_found
from vectorstore_instance.engine.maintenance import Maintenance, Operation, Unfit
from vectorstore_instance.engine.maintenance.operation import Name, NoRoom
from vectorstore_instance.engine.maintenance.reclaimable import Waste
from vectorstore_instance.instance import Instance

PATH = "/admin/maintenance"
_LARGEST = 1 << 16


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    """What to do."""

    operation: Name
    collection: str | None = None
    """Id or name of a collection, for `rebuild`."""


async def respond(instance: Instance, scope: Scope, receive: Receive) -> tuple[HTTPStatus, bytes]:
    """Answers a request below `PATH`, which has shown the admin key.

    Raises:
        ApiError: 400, 404, 409, 413, 422, 501, 503, 507; says field, value and remedy.
    """
    maintenance = instance.maintenance
    if maintenance is None:
        raise ApiError(
            HTTPStatus.NOT_IMPLEMENTED,
            "ChromaError",
            "this instance holds no files: maintenance is its leader's, or the other server's",
        )
    method, path = scope["method"], scope["path"]
    if path == PATH and method == "POST":
        return HTTPStatus.ACCEPTED, _encode(
            _told(await _begin(maintenance, await read_body(limited(receive, scope, _LARGEST))))
        )
    if path == PATH and method == "GET":
        waste = await asyncio.to_thread(maintenance.reclaimable.look)
        shown = {"operations": [_told(one) for one in maintenance.operations], "reclaimable": _sizes(waste)}
        return HTTPStatus.OK, _encode(shown)
    if method == "GET":
        id_ = path.removeprefix(f"{PATH}/")
        found = next((one for one in maintenance.operations if one.id == id_), None)
        if found is None:
            raise not_found(f"id: no operation {id_!r} since the last start; GET {PATH} lists them")
        return HTTPStatus.OK, _encode(_told(found))
    raise not_found(f"{method} {path} is not a route of the management port")


async def _begin(maintenance: Maintenance, body: bytes) -> Operation:
    try:
        order = msgspec.json.decode(body, type=_Order)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise malformed(
            f'body: {problem}; send {{"operation": "collect", "compact", "vacuum", "checkpoint" or "rebuild"}}, '
            'and with rebuild a "collection"'
        ) from None
    if order.operation == "rebuild" and not order.collection:
        raise invalid("collection: missing, and rebuild needs one; give its id or name")
    if order.operation != "rebuild" and order.collection is not None:
        raise invalid(f"collection: {order.operation} is about the whole store; leave collection out")
    try:
        return await maintenance.begin(order.operation, order.collection)
    except NoRoom as problem:
        raise no_room(str(problem)) from None
    except Unfit as problem:
        raise invalid(str(problem)) from None


def _told(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "operation": operation.name,
        "collection": operation.collection,
        "automatic": operation.automatic,
        "phase": operation.phase,
        "done": operation.done,
        "total": operation.total,
        "started": _time(operation.started),
        "ended": _time(operation.ended),
        "error": operation.error,
        "bytesFreed": operation.bytes_freed,
    }


def _sizes(waste: Waste) -> dict[str, Any]:
    return {
        "bytes": waste.bytes,
        "freePages": waste.free,
        "supersededOperations": {
            "count": waste.superseded,
            "of": waste.operations,
            "bytes": waste.superseded_bytes,
        },
        "deletedSlots": [
            {"collection": one.collection, "count": one.deleted, "of": one.slots, "bytes": one.bytes}
            for one in waste.indices
            if one.deleted
        ],
        "orphanFolders": waste.orphans,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _encode(answer: dict[str, Any]) -> bytes:
    return msgspec.json.encode(answer)
