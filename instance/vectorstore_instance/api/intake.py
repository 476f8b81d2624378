"""What a request orders: files, URLs and how to read them, from a form or from JSON, and whether it can be done."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from fastapi import Request
from pydantic import ValidationError

from vectorstore_instance.api.errors import describe
from vectorstore_instance.api.json_route import JsonRequest, unsupported
from vectorstore_instance.core.errors import invalid, malformed
from vectorstore_instance.documents.fetch import Rules, source_of
from vectorstore_instance.documents.jobs import Jobs
from vectorstore_instance.documents.kinds import Unreadable, by_name
from vectorstore_instance.documents.ledger import File
from vectorstore_instance.documents.uploads import FILE_FIELDS, Form, receive
from vectorstore_instance.embed import Embedder
from vectorstore_instance.instance import Instance
from vectorstore_instance.models.documents import FormOrder, Order, UrlOrder
from vectorstore_instance.settings import NO_MODEL

M = TypeVar("M", bound=Order)

SHARE = 10
"""An overlap that is left out is so much of a chunk: a tenth."""


@dataclass(frozen=True)
class Intake:
    """An order that can be carried out."""

    order: Order
    files: list[File]
    """As they will be in the ledger, but for the database's id."""


@asynccontextmanager
async def inbox(jobs: Jobs) -> AsyncIterator[Path]:
    """A folder for a request's files, which is gone again where the request is refused."""
    folder = jobs.inbox()
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def embedder_of(instance: Instance) -> Embedder:
    """The store's model.

    Raises:
        ApiError: 400 it has none.
    """
    if instance.embedder is None:
        raise invalid(
            "this store embeds no text (its model is none), so it cannot read documents: use a store with a model, or "
            "send passages with vectors of your own over Chroma's API"
        )
    return instance.embedder


async def read(request: Request, instance: Instance, folder: Path) -> Intake:
    """Reads an order, its files into a folder.

    Raises:
        ApiError: 400, 413, 415, 422 or 507: what is wrong with it.
    """
    embedder = embedder_of(instance)
    kind = request.headers.get("content-type", "")
    match kind.partition(";")[0].strip().lower():
        case "multipart/form-data":
            form = await receive(request.stream(), kind, folder)
            order: Order = _checked(FormOrder, _members(form))
        case "application/json":
            form = Form()
            order = _checked(UrlOrder, await JsonRequest(request.scope, request.receive).json())
        case _:
            raise unsupported(kind, "multipart/form-data or application/json")
    size, overlap, note = _sizes(order, instance, embedder)
    urls = order.urls if isinstance(order, FormOrder | UrlOrder) else []
    how = {"collection": "", "base": "", "chunk_size": size, "overlap": overlap, "note": note}
    files = [
        _file(source=upload.source, upload=f"{folder.name}/{upload.path.name}", bytes=upload.bytes, **how)
        for upload in form.uploads
    ]
    files += [_file(source=source_of(url), upload=f"{folder.name}/{uuid4().hex}", url=url, **how) for url in urls]
    _check(files, Rules.parse(instance.settings.document_urls))
    return Intake(order, files)


def _members(form: Form) -> dict[str, Any]:
    """A form's fields as members of an object; an empty one is one left out."""
    members: dict[str, Any] = {"files": [upload.source for upload in form.uploads]}
    for name, values in form.fields.items():
        given = [value for value in values if value]
        if name == "urls":
            members[name] = given
        elif len(given) > 1 and name not in FILE_FIELDS:
            raise malformed(f"{name}: there more than once; send it once")
        elif given and name in FILE_FIELDS:
            raise malformed(
                f"{name}: {given[0][:80]!r} is text, not a file; send the file itself (curl -F {name}=@a.pdf)"
            )
        elif given:
            members[name] = given[0]
    return members


def _checked(model: type[M], body: object) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as problem:
        raise describe([{**error, "loc": ("body", *error["loc"])} for error in problem.errors()]) from None


def _sizes(order: Order, instance: Instance, embedder: Embedder) -> tuple[int, int, str]:
    """The size of chunks and their overlap that the model can do, and a word on what was changed."""
    own = instance.settings.model_name
    if order.model not in (None, own):
        other = "this store embeds nothing" if own == NO_MODEL else f"this store embeds with {own}"
        raise invalid(f"model: {order.model!r} is not the store's; {other}: leave it out, or use a store of that model")
    size, note = order.chunk_size, ""
    if embedder.max_tokens is not None and size > embedder.max_tokens:
        size = embedder.max_tokens
        note = f"chunk_size {order.chunk_size} is brought down to {size}: {own} reads no more tokens at once"
    if order.overlap is None:
        return size, size // SHARE, note
    if order.overlap >= order.chunk_size or order.overlap > size // 2:
        raise malformed(f"overlap: must be at most half of a chunk, which has {size} tokens here, not {order.overlap}")
    return size, order.overlap, note


def _file(source: str, **members: Any) -> File:
    """A file, failed already where its name says that it cannot be read."""
    try:
        by_name(source.rpartition("/")[2])
    except Unreadable as problem:
        return File(source=source, **{**members, "phase": "failed", "error": str(problem)})
    return File(source=source, **members)


def _check(files: list[File], rules: Rules) -> None:
    if not files:
        raise malformed("files: missing, and so are urls; send at least one file")
    for file in files:
        if file.url:
            rules.reach(file.url)
    sources = [file.source for file in files]
    twice = sorted({source for source in sources if sources.count(source) > 1})
    if twice:
        raise malformed(f"files: {twice[0]!r} is there more than once; give every file a name of its own")
    if all(file.phase == "failed" for file in files):
        raise invalid(f"files: {files[0].source!r}: {files[0].error}")
