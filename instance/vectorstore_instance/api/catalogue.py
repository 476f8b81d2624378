"""The collections of a database: made, found, listed and deleted for the text routes."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from vectorstore_instance.api.collection import Collection, Row, path
from vectorstore_instance.api.columns import Info
from vectorstore_instance.core.errors import not_found
from vectorstore_instance.instance import Instance


async def create(
    instance: Instance, database: str, name: str, metadata: Row | None, *, get: bool = False
) -> Collection:
    """Makes a collection that measures by cosine; the one there is where `get` allows it.

    Raises:
        ApiError: 409 it is there already; 400 no name for a collection.
    """
    body = {
        "name": name,
        "metadata": metadata or None,
        "configuration": {"hnsw": {"space": "cosine"}},
        "get_or_create": get,
    }
    reply = await instance.engine.request("POST", path(database), msgspec.json.encode(body))
    return Collection(instance, database, msgspec.json.decode(reply.unwrap(), type=Info))


async def find(instance: Instance, database: str, name: str) -> Collection | None:
    """The collection of that name, if there is one.

    The tables know most at a glance: asking the engine for it costs as much as the query that follows.
    """
    if (known := instance.engine.glance(database, name)) is not None:
        return Collection(instance, database, Info(known.id, name, known.dimension))
    reply = await instance.engine.request("GET", path(database, name))
    if reply.status == HTTPStatus.NOT_FOUND:
        return None
    return Collection(instance, database, msgspec.json.decode(reply.unwrap(), type=Info))


async def get(instance: Instance, database: str, name: str) -> Collection:
    """The collection of that name.

    Raises:
        ApiError: 404 there is none.
    """
    found = await find(instance, database, name)
    if found is None:
        raise not_found(f"collection {name!r} does not exist; POST /collections/create makes one")
    return found


async def drop(instance: Instance, database: str, name: str) -> None:
    """Deletes a collection with all its documents.

    Raises:
        ApiError: 404 there is none.
    """
    (await instance.engine.request("DELETE", path(database, name))).unwrap()


async def list_all(instance: Instance, database: str) -> list[Info]:
    """Every collection of a database, whoever made it."""
    reply = await instance.engine.request("GET", path(database))
    return msgspec.json.decode(reply.unwrap(), type=list[Info])
