"""Text in, text out: plain REST for those without a Chroma client.

The short routes work on the store's default collection, which the first document makes; the others
name theirs. What is written here is read by Chroma's clients and the other way round.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from vectorstore_instance.api import catalogue, long_texts
from vectorstore_instance.api.collection import Collection
from vectorstore_instance.api.columns import Info, Rows
from vectorstore_instance.api.json_route import JsonRoute
from vectorstore_instance.core.errors import malformed
from vectorstore_instance.core.exchange import exchange_of
from vectorstore_instance.instance import Instance
from vectorstore_instance.models import answers, texts

default = APIRouter(tags=["Search"], route_class=JsonRoute)
named = APIRouter(prefix="/collections", tags=["Collections"], route_class=JsonRoute)


async def instance_of(request: Request) -> Instance:
    """The instance that an application was made for."""
    found: Instance = request.app.state.instance
    return found


Here = Annotated[Instance, Depends(instance_of)]


async def database_of(request: Request, instance: Here) -> str:
    """The name of the Chroma database that a request works on: the default one, or its caller's own."""
    return await instance.databases.of(exchange_of(request.scope).caller)


Database = Annotated[str, Depends(database_of)]


Name = Annotated[str, Path(description="A collection's name.", openapi_examples={"notes": {"value": "notes"}})]


async def _named(name: Name, instance: Here, database: Database) -> Collection:
    return await catalogue.get(instance, database, name)


There = Annotated[Collection, Depends(_named)]
Long = Annotated[long_texts.Way, Depends(long_texts.way)]
Cut = Annotated[bool, Depends(long_texts.cut)]


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


async def _default_to_write(instance: Instance, database: str) -> Collection:
    name = instance.settings.default_collection
    found = await catalogue.find(instance, database, name)
    return found or await catalogue.create(instance, database, name, None, get=True)


async def _default_to_read(instance: Instance, database: str) -> Collection | None:
    # Asking makes no collection: a read-only key may ask.
    return await catalogue.find(instance, database, instance.settings.default_collection)


async def _ask(
    found: Collection | None, text: str, n_results: int, where: dict[str, Any] | None, truncate: bool
) -> Response:
    if found is None:
        return _json({"results": []})
    (results,), said = await long_texts.ask(found, [text], n_results, where, truncate=truncate)
    return _json({"results": results, **said})


@default.post("/embed/", response_model=answers.Written)
async def embed(body: texts.Texts, instance: Here, database: Database, long: Long) -> Response:
    """Stores documents, embedded on the server. One whose id is there already gets the new text, and its metadata
    are merged."""
    target = await _default_to_write(instance, database)
    rows = Rows(body.documents, None, body.ids, body.metadatas)
    return _json(await long_texts.write(target, rows, long, update=True))


@default.post("/search/", response_model=answers.Found)
async def search(body: texts.Search, instance: Here, database: Database, truncate: Cut) -> Response:
    """Finds the documents nearest in meaning."""
    found = await _default_to_read(instance, database)
    return await _ask(found, body.query, body.n_results, body.where, truncate)


@default.post("/delete/", response_model=answers.Deleted)
async def delete(body: texts.Named, instance: Here, database: Database) -> Response:
    """Deletes documents by id, with all their chunks; counts the rows there were."""
    found = await _default_to_read(instance, database)
    return _json({"deleted": await found.delete(body.ids, None) if found else 0})


@default.post("/add", response_model=answers.Added)
async def add(body: texts.Item, instance: Here, database: Database, long: Long) -> Response:
    """Stores one document given as an object: one field is embedded, the others become metadata."""
    try:
        text, metadata = body.split(instance.settings.text_field)
    except ValueError as problem:
        raise malformed(str(problem)) from None
    target = await _default_to_write(instance, database)
    rows = Rows([text], None, [body.id] if body.id else None, [metadata])
    written = await long_texts.write(target, rows, long, update=True)
    (written["id"],) = written.pop("ids")
    del written["count"]
    return _json(written)


@default.post("/query", response_model=answers.Found)
async def query(body: texts.Query, instance: Here, database: Database, truncate: Cut) -> Response:
    """Finds the documents nearest in meaning: `/search/` in few words."""
    return await _ask(await _default_to_read(instance, database), body.query_text, body.k, None, truncate)


@named.post("/create", response_model=answers.Collection)
async def create_collection(body: texts.NewCollection, instance: Here, database: Database) -> Response:
    """Makes a collection for texts."""
    return _json(_shown((await catalogue.create(instance, database, body.name, body.metadata)).info))


@named.get("", response_model=answers.Collections)
async def list_collections(instance: Here, database: Database) -> Response:
    """Lists the store's collections, those that Chroma's clients made among them."""
    return _json({"collections": [_shown(info) for info in await catalogue.list_all(instance, database)]})


@named.delete("/{name}", response_model=answers.Dropped)
async def delete_collection(name: Name, instance: Here, database: Database) -> Response:
    """Deletes a collection and all its documents."""
    await catalogue.drop(instance, database, name)
    return _json({"deleted": name})


@named.post("/{name}/add", response_model=answers.Written)
async def add_rows(body: texts.Rows, target: There, long: Long) -> Response:
    """Stores documents; refused where an id is there already."""
    return await _write(target, body, long, update=False)


@named.post("/{name}/upsert", response_model=answers.Written)
async def upsert_rows(body: texts.Rows, target: There, long: Long) -> Response:
    """Stores documents. One whose id is there already gets the new text, and its metadata are merged."""
    return await _write(target, body, long, update=True)


@named.post("/{name}/delete", response_model=answers.Deleted)
async def delete_rows(body: texts.Removal, target: There) -> Response:
    """Deletes documents by id, by metadata, or by both, with all their chunks; counts the rows there were."""
    return _json({"deleted": await target.delete(body.ids, body.where)})


@named.post("/{name}/get", response_model=answers.Documents)
async def get_rows(body: texts.Selection, target: There) -> Response:
    """Reads documents by id, by metadata, or by both. One that was split is its chunks, each a row."""
    return _json({"results": await target.get(body.ids, body.where, body.limit, body.offset)})


@named.post("/{name}/query", response_model=answers.FoundEach)
async def query_rows(body: texts.Queries, target: There, truncate: Cut) -> Response:
    """Finds the documents nearest in meaning to each text."""
    results, said = await long_texts.ask(target, body.query_texts, body.n_results, body.where, truncate=truncate)
    return _json({"results": results, **said})


async def _write(target: Collection, body: texts.Rows, long: long_texts.Way, *, update: bool) -> Response:
    rows = Rows(body.documents, body.embeddings, body.ids, body.metadatas)
    return _json(await long_texts.write(target, rows, long, update=update))


def _shown(info: Info) -> dict[str, Any]:
    return {"name": info.name, "metadata": info.metadata, "dimension": info.dimension}
