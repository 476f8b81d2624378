"""Documents: files in, passages out. A database is a collection, and every other face of the store reads it.

Uploads are taken in here and worked on afterwards (`documents`); everything else looks at what is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from vectorstore_instance.api import intake, long_texts
from vectorstore_instance.api.handover import PREFIX, Database
from vectorstore_instance.api.json_route import JsonRoute
from vectorstore_instance.api.simple import Cut, Here
from vectorstore_instance.core.errors import invalid, no_room
from vectorstore_instance.core.exchange import exchange_of
from vectorstore_instance.documents.ledger import File
from vectorstore_instance.documents.store import Collection, Hit, Store
from vectorstore_instance.engine import DATABASES
from vectorstore_instance.instance import Instance
from vectorstore_instance.models import documents as models
from vectorstore_instance.models.fields import Body

orders = APIRouter(prefix=PREFIX, tags=["Documents"])
databases = APIRouter(prefix=PREFIX, tags=["Documents"], route_class=JsonRoute)

ORDER = models.Order.model_json_schema()["properties"]
ORDER["name"]["example"] = "handbook"
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["name", "files"],
                    "properties": {
                        **ORDER,
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Text, Markdown, HTML, PDF, DOCX, CSV, TSV, JSON or JSONL.",
                        },
                    },
                },
            },
            "application/json": {"schema": models.UrlOrder.model_json_schema()},
        },
    }
}


async def _store_of(instance: Here, database: Database) -> Store:
    return Store(instance.engine, f"{DATABASES}/{database}")


Shelf = Annotated[Store, Depends(_store_of)]
Key = Annotated[
    str, Path(description="A database's id, or its name.", openapi_examples={"handbook": {"value": "handbook"}})
]


async def _named(id: Key, store: Shelf) -> Collection:
    return await store.find(id)


There = Annotated[Collection, Depends(_named)]


@orders.post(
    "/create", status_code=HTTPStatus.ACCEPTED, response_model=models.Accepted, openapi_extra=BODY, name="create"
)
async def create(request: Request, instance: Here, store: Shelf) -> Response:
    """Takes files in, to be read, divided into passages and embedded; makes the database where there is none.

    The answer comes when they are safe; from then on `status` says how far they are. A file whose name is there
    already takes the place of the old one as soon as it is done. Instead of files, JSON with `urls` names some to
    fetch, where the store's operator allows it."""
    embedder = intake.embedder_of(instance)
    if reason := instance.engine.state().read_only:
        raise no_room(reason)
    jobs = instance.documents
    announced = request.headers.get("content-length", "")
    await jobs.room(int(announced) if announced.isdigit() else 0)
    async with intake.inbox(jobs) as folder:
        found = await intake.read(request, instance, folder)
        made = await store.make(found.order.name)
        if made.dimension not in (None, embedder.dimension):
            raise invalid(
                f"name: collection {made.name} holds vectors of dimension {made.dimension}, and the store's model "
                f"makes {embedder.dimension}; choose another name"
            )
        await jobs.add([replace(file, collection=made.id, base=store.base) for file in found.files])
    exchange_of(request.scope).rows = len(found.files)
    where = f"{PREFIX}/{made.id}/status"
    sent = {file.source for file in found.files}
    status = _shown(instance, made, [file for file in await jobs.of(made.id) if file.source in sent])
    body = models.Accepted(**status.model_dump(), model=instance.settings.model_name, status=where)
    return _json(body, HTTPStatus.ACCEPTED, {"location": where})


@databases.get("", response_model=models.Databases)
async def list_databases(instance: Here, store: Shelf) -> Response:
    """Lists the databases: every collection is one, whoever made it."""
    collections = await store.all()
    by_collection: dict[str, list[File]] = defaultdict(list)
    for file in await instance.documents.all(store.base, [each.id for each in collections]):
        by_collection[file.collection].append(file)
    listed = []
    for each in collections:
        status = _shown(instance, each, by_collection[each.id])
        entry = status.model_dump(include={"id", "name", "phase"})
        listed.append(models.DatabaseEntry(**entry, files=len(status.files), chunks=status.chunks_done))
    return _json(models.Databases(databases=listed))


@databases.get("/{id}/status", response_model=models.DatabaseStatus)
async def status(instance: Here, found: There) -> Response:
    """Says how far a database's files are, and what is wrong with each that failed."""
    return _json(await _status(instance, found))


@databases.post("/{id}/query", response_model=models.Passages)
async def query(body: models.Question, instance: Here, store: Shelf, found: There, truncate: Cut) -> Response:
    """Finds the passages nearest in meaning, with the file, page and place that each is from."""
    embedder = intake.embedder_of(instance)
    if found.dimension not in (None, embedder.dimension):
        raise invalid(
            f"database {found.name} holds vectors of dimension {found.dimension}, and the store's model makes "
            f"{embedder.dimension}; query it with vectors over Chroma's API"
        )
    texts, said = [body.query], {}
    if truncate:
        texts, said["truncated"] = await long_texts.readable(embedder, texts)
    vector = (await embedder.embed(texts))[0].tolist()
    hits = await store.query(found, vector, body.n_results, body.where)
    return _json(models.Passages(results=[_passage(found, hit) for hit in hits], **said))


@databases.post("/{id}/cancel", response_model=models.Cancelled)
async def cancel(instance: Here, found: There) -> Response:
    """Ends the work on a database's files. What is stored of them stays."""
    return _json(models.Cancelled(cancelled=await instance.documents.cancel(found.id)))


@databases.delete("/{id}", response_model=models.Gone)
async def delete(instance: Here, store: Shelf, found: There) -> Response:
    """Deletes a database with all its passages."""
    await instance.documents.cancel(found.id)
    await store.drop(found.name)
    await instance.documents.forget(found.id)
    return _json(models.Gone(deleted=found.name))


async def _status(instance: Instance, found: Collection) -> models.DatabaseStatus:
    return _shown(instance, found, await instance.documents.of(found.id))


def _shown(instance: Instance, found: Collection, files: Sequence[File]) -> models.DatabaseStatus:
    current, waiting = instance.documents.current(found.id)
    shown = [_file(file, current) for file in files]
    return models.DatabaseStatus(
        id=found.id,
        name=found.name,
        phase=_phase([file.phase for file in shown]),
        waiting=waiting or None,
        chunks_done=sum(file.chunks_done for file in shown),
        chunks_total=sum(file.chunks_total for file in shown),
        files=shown,
    )


def _file(file: File, current: File | None) -> models.FileStatus:
    phase: Any = file.phase
    if current is not None and current.number == file.number and phase in ("queued", "parsed"):
        phase = "parsing" if phase == "queued" else "embedding"
    elif phase == "parsed":
        phase = "queued"
    return models.FileStatus(
        source=file.source,
        phase=phase,
        bytes=file.bytes,
        chunk_size=file.chunk_size,
        overlap=file.overlap,
        chunks_done=file.done,
        chunks_total=file.total,
        note=file.note or None,
        error=file.error or None,
    )


def _phase(phases: Sequence[models.Phase]) -> models.Phase:
    """A database's phase: that of its file that is worked on, or waits, else the best that came of any."""
    order: tuple[models.Phase, ...] = ("parsing", "embedding", "queued", "done", "cancelled", "failed")
    return next((phase for phase in order if phase in phases), "done")


def _passage(found: Collection, hit: Hit) -> models.Passage:
    def number(key: str) -> int | None:
        value = hit.metadata.get(key)
        return value if type(value) is int else None

    source = hit.metadata.get("source")
    return models.Passage(
        id=hit.id,
        text=hit.text,
        score=1 - hit.distance if found.cosine else None,
        distance=hit.distance,
        source=source if isinstance(source, str) else None,
        page=number("page"),
        row=number("row"),
        offset=number("offset"),
        chunk=number("chunk"),
        metadata=hit.metadata,
    )


def _json(body: Body, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    content = msgspec.json.encode(body.model_dump(exclude_unset=True))
    return Response(content, status, headers, media_type="application/json")
