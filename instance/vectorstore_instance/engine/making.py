"""What a collection may be made with: refused here, before Chroma keeps what its engine cannot live with.

Chroma 1.5.9 takes any number. With `max_neighbors` of 0 its process ends at the first write, and again
each time it replays that write, which takes every other collection with it; with 10,000 one write of a
thousand rows takes minutes, with a million 6 GiB of memory. What `sync_threshold` keeps from the index files
no checkpoint can hold, and a recovery replays. The same settings come as configuration, as metadata (`hnsw:M`)
and within a schema. On lists and sparse vectors in a collection's own metadata it
panics, though a row's may have lists.
"""

from __future__ import annotations

import msgspec

from vectorstore_instance.core.errors import invalid

MOST_NEIGHBORS = 256
"""Links of a vector: twice as many fill 2 KiB, which is what a vector of 384 dimensions and its index take together."""
WIDEST = 10_000
"""Candidates that a search or an insertion keeps: as many as a query may have results."""
MOST_UNSAVED = 10_000
"""Operations between two writes of the index files: at 2 ms each, 20 s of a recovery."""

_BOUNDS = {
    "max_neighbors": (1, MOST_NEIGHBORS),
    "hnsw:M": (1, MOST_NEIGHBORS),
    "ef_construction": (0, WIDEST),
    "hnsw:construction_ef": (0, WIDEST),
    "ef_search": (0, WIDEST),
    "hnsw:search_ef": (0, WIDEST),
    "sync_threshold": (0, MOST_UNSAVED),
    "hnsw:sync_threshold": (0, MOST_UNSAVED),
}
"""Least and most. What is below nought, or no whole number, the engine refuses itself."""


class _Made(msgspec.Struct):
    """Where a new or changed collection says how its index is made."""

    configuration: object = None
    schema: object = None
    metadata: object = None
    new_configuration: object = None
    new_metadata: object = None


_made = msgspec.json.Decoder(_Made)


def check(body: bytes) -> None:
    """Refuses a collection, new or changed, whose index or metadata the engine could not make or bear.

    A body that is no JSON is left to whoever carries the request out.

    Raises:
        ApiError: 400; names the setting or the key, what is wrong with its value, and the remedy.
    """
    try:
        made = _made.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    except RecursionError:  # the engine would follow what it does not know further than we can, and take the rest
        raise invalid("the body: lists or objects within each other go too deep; give what the API names") from None
    _check_metadata("metadata", made.metadata)
    _check_metadata("new_metadata", made.new_metadata)
    waiting = [getattr(made, name) for name in made.__struct_fields__]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for name, value in node.items():
                _check(name, value)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _check_metadata(field: str, metadata: object) -> None:
    for key, value in metadata.items() if isinstance(metadata, dict) else ():
        if isinstance(value, list) or (isinstance(value, dict) and "#type" in value):
            what = "a list" if isinstance(value, list) else "a sparse vector"
            raise invalid(
                f"{field}: {key[:80]!r} is {what}, and a collection's own metadata are strings, numbers and booleans; "
                "spread it over several keys, or give it to rows"
            )


def _check(name: str, value: object) -> None:
    least, most = _BOUNDS.get(name, (0, 0))
    if most and type(value) is int and value >= 0 and not least <= value <= most:
        raise invalid(f"{name}: {value} is not between {least} and {most}, what an index can be made with; choose such")
