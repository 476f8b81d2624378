"""Requests to the API server: what may be asked of it and written to it.

Objects are plain dicts, which cost a third of the CPU of the official client's models and lose no field.
A write first asks whether this process may write at all, and in its last moment once more: two operators
never do so at once (`lease`, `permit`). Errors come in the few classes that the reconcile loop treats differently.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp

from vectorstore_operator.cluster import permit
from vectorstore_operator.cluster.connection import Connection
from vectorstore_operator.cluster.errors import NotFound, NotLeading, Transient, from_answer, from_status
from vectorstore_operator.cluster.kinds import KINDS, Kind
from vectorstore_operator.names import MANAGER
from vectorstore_operator.objects import Object

WRITE_TIMEOUT = aiohttp.ClientTimeout(total=permit.WITHIN)
READ_TIMEOUT = aiohttp.ClientTimeout(total=60)
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)
"""Bookmarks come about every minute: a watch that is silent for longer is dead."""

NEVER = "1"
"""A resourceVersion that no object has: an apply with it conflicts with whatever is there."""

PAGE = 250
"""Objects of one page of a listing."""


class Cluster:
    """Requests to the API server."""

    def __init__(
        self,
        api: Connection,
        may_write: Callable[[], bool] = lambda: True,
        counted: Callable[[str, str, int], None] = lambda verb, kind, code: None,
    ) -> None:
        """
        Args:
            api: from `connect`; closed by whoever made it.
            may_write: asked before every write.
            counted: told verb, kind and HTTP status (0 = no answer) of every request.
        """
        self._api = api
        self._may_write = may_write
        self._counted = counted
        self._under_way: set[asyncio.Task[Object]] = set()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """An object as it is now, or None."""
        try:
            return await self._read(kind, kind.path(namespace, name))
        except NotFound:
            return None

    async def pages(
        self, kind: Kind, namespace: str | None = None, selector: str = ""
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """All objects of a kind, some after the others, each time with the resourceVersion a watch continues from.

        As they come, objects take several times what is kept of them.

        Raises:
            Gone: the first page is too old for the next one.
        """
        query = {"labelSelector": selector, "limit": str(PAGE)}
        while True:
            answer = await self._read(kind, kind.path(namespace), **query)
            yield _items(kind, answer)
            if not (rest := answer["metadata"].get("continue")):
                return
            query["continue"] = rest

    async def list(
        self, kind: Kind, namespace: str | None = None, selector: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """All of them at once."""
        return _items(kind, await self._read(kind, kind.path(namespace), labelSelector=selector, fieldSelector=fields))

    async def watch(
        self, kind: Kind, namespace: str | None, selector: str, since: str, fields: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """Changes as (ADDED | MODIFIED | DELETED | BOOKMARK, object), until the server ends the stream.

        Raises:
            Gone: `since` is too old.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "labelSelector": selector,
            "fieldSelector": fields,
            "resourceVersion": since,
            "timeoutSeconds": random.randint(300, 600),  # noqa: S311 (spreads the reconnects)
        }
        response = await self._open("WATCH", kind, kind.path(namespace), query, None, WATCH_TIMEOUT)
        try:
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise from_status(event["object"])
                yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Transient(f"watch of {kind.plural}: {error!r}") from error
        finally:
            response.close()

    async def create(self, obj: Object, manager: str = MANAGER) -> Object:
        """Makes an object that must not exist.

        Raises:
            Conflict: it does.
        """
        kind, meta = KINDS[obj["kind"]], obj["metadata"]
        return await self._write("POST", kind, kind.path(meta.get("namespace")), obj, fieldManager=manager)

    async def replace(self, obj: Object) -> Object:
        """Writes an object over the edition its resourceVersion names."""
        kind, meta = KINDS[obj["kind"]], obj["metadata"]
        return await self._write("PUT", kind, kind.path(meta.get("namespace"), meta["name"]), obj)

    async def apply(self, obj: Object, subresource: str = "") -> Object:
        """Server-side apply: what `obj` states becomes so, what it stated before and does not now goes.

        With a `metadata.uid` an object that was replaced meanwhile is a Conflict.
        """
        kind, meta = KINDS[obj["kind"]], obj["metadata"]
        path = kind.path(meta.get("namespace"), meta["name"], subresource)
        return await self._write("PATCH", kind, path, obj, fieldManager=MANAGER, force="true")

    async def make(self, obj: Object) -> Object:
        """Server-side apply of an object that must not exist.

        Raises:
            Conflict: it does; it is left as it is.
        """
        return await self.apply({**obj, "metadata": obj["metadata"] | {"resourceVersion": NEVER}})

    async def patch(self, obj: Object, change: Object, manager: str = MANAGER) -> Object:
        """Merge-patches a live object of somebody else's, if it is still the edition that was read."""
        kind, meta = KINDS[obj["kind"]], obj["metadata"]
        seen = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        body = {**change, "metadata": {**change.get("metadata", {}), **seen}}
        path = kind.path(meta.get("namespace"), meta["name"])
        return await self._write("MERGE", kind, path, body, fieldManager=manager)

    async def delete(self, obj: Object, propagation: str = "Background") -> None:
        """Deletes this very object; one that is gone already is fine.

        Args:
            obj: as it was seen.
            propagation: what becomes of what it owns: `Background` takes it along, `Orphan` leaves it.

        Raises:
            Conflict: another object took its name.
        """
        kind, meta = KINDS[obj["kind"]], obj["metadata"]
        body = {"preconditions": {"uid": meta["uid"]}, "propagationPolicy": propagation}
        try:
            await self._write("DELETE", kind, kind.path(meta.get("namespace"), meta["name"]), body)
        except NotFound:
            return

    async def quiet(self) -> None:
        """Waits until no write is under way, also of those whose callers were cancelled: a few seconds at most."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _read(self, kind: Kind, path: str, **query: str) -> Object:
        return await self._send("GET", kind, path, query, None, READ_TIMEOUT)

    async def _write(self, verb: str, kind: Kind, path: str, body: Object, **query: str) -> Object:
        if not self._may_write():
            raise NotLeading(f"{verb} {path}: this operator does not lead any more")
        writing = asyncio.create_task(self._permitted(verb, kind, path, query, body))
        self._under_way.add(writing)
        writing.add_done_callback(self._under_way.discard)
        return await asyncio.shield(writing)

    async def _permitted(self, verb: str, kind: Kind, path: str, query: dict[str, Any], body: Object) -> Object:
        permit.permitted.set(self._may_write)  # for this task
        return await self._send(verb, kind, path, query, body, WRITE_TIMEOUT)

    async def _send(
        self,
        verb: str,
        kind: Kind,
        path: str,
        query: dict[str, Any],
        body: Object | None,
        limit: aiohttp.ClientTimeout,
    ) -> Object:
        response = await self._open(verb, kind, path, query, body, limit)
        try:
            answer: Object = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Transient(f"{verb} {path}: {error!r}") from error
        return answer

    async def _open(
        self,
        verb: str,
        kind: Kind,
        path: str,
        query: dict[str, Any],
        body: Object | None,
        limit: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": _CONTENT_TYPES.get(verb, "application/json")}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, verb, body)
        url = f"{self._api.configuration.host}{path}?{urlencode({k: v for k, v in query.items() if v})}"
        method = _METHODS.get(verb, verb)
        status = 0
        try:
            send: Any = self._api.rest_client.request
            response: aiohttp.ClientResponse = (await send(method, url, headers, body, _request_timeout=limit)).response
            status = response.status
            if status < 300:
                return response
            retry_after = response.headers.get("Retry-After")
            raise from_answer(status, await response.read(), retry_after, f"{verb} {path}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"{verb} {path}: {error!r}") from error
        finally:
            self._counted(verb, kind.name, status)


def _items(kind: Kind, answer: Object) -> tuple[list[Object], str]:
    head = {"apiVersion": kind.api_version, "kind": kind.name}
    return [head | item for item in answer["items"]], answer["metadata"]["resourceVersion"]


_CONTENT_TYPES = {"PATCH": "application/apply-patch+yaml", "MERGE": "application/merge-patch+json"}
_METHODS = {"WATCH": "GET", "MERGE": "PATCH"}
