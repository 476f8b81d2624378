"""The manifest of a copy: what it holds, proven from its rows rather than taken from the tables' word."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Container
from importlib import metadata
from pathlib import Path

from vectorstore_instance import __version__
from vectorstore_instance.archive import Collection, Embedding, File, Manifest, RowDigest, Sample
from vectorstore_instance.archive.manifest import DATABASE
from vectorstore_instance.engine import living, operations, positions, stamp
from vectorstore_instance.engine.nearest import Nearest
from vectorstore_instance.engine.positions import Index
from vectorstore_instance.engine.snapshot.copying import Copy
from vectorstore_instance.engine.tables import Tables
from vectorstore_instance.settings import Settings

QUESTIONS, ANSWERS = 5, 10
"""Sample questions of a collection, and rows that answer each."""
ASKED = 100
"""Collections that get sample questions: the largest."""
_ROWS = 1000
_BLOCK = 1 << 20


def describe(settings: Settings, folder: Path, copy: Copy, store: str, apart: Container[str]) -> Manifest:
    """The manifest of what a folder holds.

    Args:
        settings: of the instance.
        folder: the copy.
        copy: what was said when it was made.
        store: which store it is, in the words of whoever asked.
        apart: collections that the engine cannot read, by id.
    """
    database = folder / DATABASE
    sizes = Tables(database).documents()
    asked = set(sorted(sizes, key=lambda collection: -sizes[collection])[:ASKED])
    embedding = stamp.of(settings)
    return Manifest(
        release=__version__,
        chromadb=metadata.version("chromadb"),
        taken=copy.taken,
        tenant=settings.tenant_id,
        store=store,
        embedding=Embedding(model=embedding.model, dimension=embedding.dimension, precision=embedding.precision),
        sequence=copy.sequence,
        pause=round(copy.pause, 4),
        collections=tuple(
            _collection(database, index, index.collection in asked, index.collection not in apart)
            for index in positions.indices(database)
        ),
        files=tuple(_file(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()),
    )


def _collection(database: Path, index: Index, asked: bool, readable: bool) -> Collection:
    at = operations.standing(database, index.collection)
    space = at.configuration.get("space", "l2") if at else "l2"
    questions = living.some(database, index.collection, QUESTIONS) if asked and readable else []
    digest, nearest = RowDigest(), Nearest([vector for _, vector in questions], space, ANSWERS)
    for rows in living.batches(living.living(database, index.collection), _ROWS):
        digest.update(rows)
        nearest.update(rows)
    return Collection(
        id=index.collection,
        name=index.name,
        tenant=index.tenant,
        database=index.database,
        dimension=index.dimension,
        space=space,
        documents=digest.count,
        checksum=digest.hexdigest(),
        readable=readable,
        samples=tuple(
            Sample(
                vector=base64.b64encode(vector).decode(),
                ids=tuple(id_ for _, id_ in answers),
                distances=tuple(distance for distance, _ in answers),
            )
            for (_, vector), answers in zip(questions, nearest.answers(), strict=True)
        ),
    )


def _file(folder: Path, path: Path) -> File:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return File(name=str(path.relative_to(folder)), size=path.stat().st_size, sha256=digest.hexdigest())
