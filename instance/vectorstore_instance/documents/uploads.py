"""A request's files on their way to disk: streamed, so that none is held in memory, and there when it ends."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from vectorstore_instance.core.errors import malformed, no_room, too_large
from vectorstore_instance.engine.manifest import sync

if TYPE_CHECKING:
    from python_multipart.multipart import Field, File

FILES = 500
"""Files, and other fields, in one request."""
FILE_FIELDS = ("files", "file", "files[]")
_VALUE = 1 << 16
"""Bytes of any other field."""


@dataclass(frozen=True)
class Upload:
    """A file that has arrived."""

    source: str
    """What its owner calls it."""
    path: Path
    bytes: int


@dataclass
class Form:
    """What a request brought."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)


async def receive(stream: AsyncIterator[bytes], content_type: str, folder: Path) -> Form:
    """Reads a multipart body, its files durably into a folder.

    Args:
        stream: the body.
        content_type: with the boundary.
        folder: where the files go.

    Raises:
        ApiError: 422 it is no such body; 413 too many files; 507 the disk is full.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import FormParser, parse_options_header

    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it tells of every file
    form = Form()
    ended: list[bool] = []
    _, options = parse_options_header(content_type)
    config = {
        "UPLOAD_DIR": str(folder),
        "UPLOAD_DELETE_TMP": False,
        "MAX_MEMORY_FILE_SIZE": -1,
        "UPLOAD_ERROR_ON_BAD_CTE": True,
    }
    try:
        parser = FormParser(
            "multipart/form-data",
            lambda found: _field(form, found),
            lambda found: _file(form, found),
            lambda: ended.append(True),
            boundary=options.get(b"boundary"),
            config=config,
        )
        async for block in stream:
            await anyio.to_thread.run_sync(parser.write, block)
    except OSError as problem:
        if problem.errno == ENOSPC:
            raise no_room("the store's disk is full: delete documents, or have its volume enlarged") from None
        raise
    except FormParserError as problem:
        raise malformed(f"the body is not multipart/form-data: {problem}") from None
    if not ended:
        raise malformed("the body is not multipart/form-data: it ends before its last boundary")
    await anyio.to_thread.run_sync(_sync, folder)
    return form


def _field(form: Form, found: Field) -> None:
    name, value = (found.field_name or b"").decode("utf-8", "replace"), found.value or b""
    if len(value) > _VALUE or sum(map(len, form.fields.values())) >= FILES:
        raise too_large(f"{name}: too long, or one field too many; send less at once")
    try:
        form.fields.setdefault(name, []).append(value.decode())
    except UnicodeDecodeError:
        raise malformed(f"{name}: must be UTF-8; encode it so") from None


def _file(form: Form, found: File) -> None:
    name = (found.field_name or b"").decode("utf-8", "replace")
    if name not in FILE_FIELDS:
        raise malformed(f"{name}: holds a file, and files are sent as `files`; name it so")
    if len(form.uploads) >= FILES:
        raise too_large(f"files: more than the {FILES} that one request may have; send less at once")
    if not found.file_name and not found.size:  # as a browser sends a form where no file was chosen
        found.close()
        return
    if found.in_memory:  # an empty one
        found.flush_to_disk()
    file = found.file_object
    file.flush()
    os.fsync(file.fileno())
    found.close()
    source = (found.file_name or b"").decode("utf-8", "replace")
    form.uploads.append(Upload(source, Path(os.fsdecode(found.actual_file_name or b"")), found.size))


def _sync(folder: Path) -> None:
    for each in (folder, folder.parent):
        sync(each)
