"""One collection's operations in the queue, in their order, and the state they make: a page of `tables`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vectorstore_instance.engine.tables import TOPIC

ADD, UPDATE, UPSERT, DELETE = range(4)
"""Kinds of operations, as Chroma numbers them."""


class Written(NamedTuple):
    """An operation that the index has to do with."""

    number: int
    kind: int
    id: str
    vector: bytes | None
    """float32, little-endian; None for a delete."""


@dataclass(frozen=True)
class Standing:
    """A collection at one moment."""

    segment: str
    """Its vector segment, also the name of the folder with its index."""
    dimension: int | None
    """None while it never had a row."""
    documents: int
    """Rows it has."""
    position: int
    """The last operation that made them."""
    configuration: dict[str, Any]
    """What its index is made with: `space`, `ef_construction`, `max_neighbors`, `resize_factor` and more."""


def standing(database: Path, collection: str) -> Standing | None:
    """How a collection stands now; None where there is none of this id."""
    with _reading(database) as db:
        db.execute("begin")  # one moment for both questions
        found = db.execute(
            "select v.id, c.dimension, m.id, coalesce(p.seq_id, 0), c.config_json_str, c.schema_str from collections c "
            "join segments v on v.collection = c.id and v.scope = 'VECTOR' "
            "join segments m on m.collection = c.id and m.scope = 'METADATA' "
            "left join max_seq_id p on p.segment_id = m.id where c.id = ?",
            (collection,),
        ).fetchone()
        if found is None:
            return None
        segment, dimension, metadata, position, configuration, schema = found
        documents = db.execute("select count(*) from embeddings where segment_id = ?", (metadata,)).fetchone()[0]
        return Standing(segment, dimension, documents, position, _index_configuration(configuration, schema))


def written(database: Path, collection: str, after: int, upto: int, most: int) -> list[Written]:
    """The next operations on a collection's index, at most so many, in their order.

    An update without a vector is none of the index's.
    """
    with _reading(database) as db:
        rows = db.execute(
            "select seq_id, operation, id, vector from embeddings_queue "
            "where seq_id > ? and seq_id <= ? and topic = ? and (vector is not null or operation = ?) "
            "order by seq_id limit ?",
            (after, upto, TOPIC + collection, DELETE, most),
        )
        return [Written(*row) for row in rows]


def threshold(database: Path, collection: str) -> tuple[int | None, bool]:
    """A collection's `sync_threshold`, None where it has none, and whether it was ever written to."""
    with _reading(database) as db:
        found = db.execute(
            "select config_json_str, schema_str, dimension from collections where id = ?", (collection,)
        ).fetchone()
    if found is None:
        return None, False
    configuration, schema, dimension = found
    return _index_configuration(configuration, schema).get("sync_threshold"), dimension is not None


def _index_configuration(configuration: str | None, schema: str | None) -> dict[str, Any]:
    # Chroma 1.5.9 keeps it in the schema, and leaves the configuration of older versions empty.
    old: dict[str, Any] = json.loads(configuration or "{}").get("hnsw") or {}
    if not schema:
        return old
    index = json.loads(schema)["keys"]["#embedding"]["float_list"]["vector_index"]["config"]
    return {**old, "space": index["space"], **(index.get("hnsw") or {})}


def _reading(database: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None))
