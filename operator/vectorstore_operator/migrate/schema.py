"""What a collection's schema says beyond its configuration: which keys are indexed, and how. Pure.

Chroma writes into it every key that it meets, with the defaults of its type, and the settings of the index once more.
What is left is what somebody chose, and only that has to move.
"""

from __future__ import annotations

from typing import Any

from vectorstore_operator.migrate.records import Collection

_THRESHOLD = "sync_threshold"
_UNTOLD = {_THRESHOLD, "batch_size", "num_threads"}
"""Settings that change no answer."""


def chosen(collection: Collection) -> dict[str, Any] | None:
    """What somebody chose; None where the schema cannot say it: that of older releases, and of other engines."""
    schema, index = collection.schema, (collection.configuration or {}).get("hnsw")
    if schema is None or not index or any(key.startswith("hnsw:") for key in collection.metadata or {}):
        return None
    defaults = schema.get("defaults") or {}
    keys = {key: kinds for key, kinds in (schema.get("keys") or {}).items() if not _usual(kinds, defaults)}
    plain: dict[str, Any] = _plain({"defaults": defaults, "keys": keys})
    return plain


def _usual(kinds: dict[str, Any], defaults: dict[str, Any]) -> bool:
    return all(
        index == (defaults.get(kind) or {}).get(name)
        for kind, indices in kinds.items()
        for name, index in indices.items()
    )


def _plain(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _plain(value) for name, value in told.items() if name not in _UNTOLD and value is not None}
    return told


def paced(schema: Any, threshold: int) -> Any:
    """The same schema, with another number of writes between two saves of the index."""
    if isinstance(schema, dict):
        return {name: threshold if name == _THRESHOLD else paced(value, threshold) for name, value in schema.items()}
    return schema
