"""`GET /admin/snapshot`: the whole store as it is now, streamed as an archive (docs/backup-format.md).

`?store=` is kept in the manifest: which store it is, in the words of whoever asks. The headers say the last
operation in it and how many bytes it unpacks to. An archive that was not sent to its end does not end as one.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from urllib.parse import parse_qsl

from vectorstore_instance.api.asgi import Receive, Scope, Send, send_in_blocks
from vectorstore_instance.archive import pack
from vectorstore_instance.core.errors import ApiError, conflict, invalid, unavailable
from vectorstore_instance.engine.ending import to_its_end
from vectorstore_instance.engine.snapshot import AGAIN_SECONDS, Taken
from vectorstore_instance.instance import Instance

log = logging.getLogger(__name__)

PATH = "/admin/snapshot"
_LONGEST = 512


class BrokenOff(Exception):
    """An answer that cannot be sent to its end: the connection is closed, and whoever reads sees it cut off."""


async def serve(instance: Instance, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request that has shown the admin key.

    Raises:
        ApiError: 400, 409, 501, 503, 507; says what to do, and nothing was sent.
        BrokenOff: something was.
    """
    if instance.snapshots is None:
        raise ApiError(HTTPStatus.NOT_IMPLEMENTED, "ChromaError", "this instance holds no files: ask its leader")
    store = _store(scope)
    if not instance.engine.ready or (instance.restore and instance.restore.reason):
        raise unavailable("snapshot: the store is starting, recovering or restoring; try again", AGAIN_SECONDS)
    for one in instance.maintenance.operations if instance.maintenance else ():
        if one.ended is None and one.name == "vacuum":
            raise conflict("snapshot: writes wait for a vacuum already; try again when it has ended", AGAIN_SECONDS)
    begun = False
    try:
        async with instance.snapshots.taken(store, instance.documents.copy) as taken:
            begun = True
            whole = await _send(taken, receive, send)
    except (ApiError, OSError) as problem:
        if not begun:
            raise
        raise BrokenOff(f"the snapshot was not sent to its end: {problem}") from problem
    if whole:  # the copy is gone before it is said that this was all: the next may be asked for at once
        await send({"type": "http.response.body", "body": b""})


async def _send(taken: Taken, receive: Receive, send: Send) -> bool:
    """Sends everything but the end; False where nobody reads it any more."""
    manifest = taken.manifest
    headers = [
        (b"content-type", b"application/zstd"),
        (b"x-vectorstore-sequence", b"%d" % manifest.sequence),
        (b"x-vectorstore-bytes", b"%d" % manifest.bytes),
    ]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    gone = asyncio.create_task(_gone(receive))
    try:
        parts = pack(manifest, taken.folder)
        while part := await to_its_end(asyncio.to_thread(next, parts, b"")):
            if gone.done():
                log.warning("snapshot: whoever asked for it has gone")
                return False
            await send_in_blocks(send, {"type": "http.response.body", "body": part, "more_body": True})
        return True
    finally:
        gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _store(scope: Scope) -> str:
    asked: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    store = asked.pop("store", "")
    if asked:
        raise invalid(f"{next(iter(asked))!r}: not a parameter of this route; it takes store")
    if len(store) > _LONGEST or not store.isprintable():
        raise invalid(f"store: at most {_LONGEST} printable characters, not {store[:80]!r}")
    return store
