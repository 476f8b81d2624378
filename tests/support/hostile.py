"""Hypothesis strategies for bodies that nobody should send: right ones of the wire protocol, spoilt in places.

They make JSON as text, not objects, because much of what goes wrong cannot be an object in Python: a key
that is there twice, an exponent of four hundred, half a surrogate pair, a comma too many.
"""

# ruff: noqa: RUF005, SIM905 (words are easier to read than a column of literals)
from __future__ import annotations

import base64
import json
import struct
from typing import Any

from hypothesis import strategies as st

Members = dict[str, str]
"""An object's members, the values as JSON."""

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", " ", "\0", "a\0b", "\ud800", "\udc00\ud800", "\ufeff", "\u202e", "e\u0301", "🦀", "x" * 700, "chroma:document"]
    + ["#document", "#id", "$and", "../../etc/passwd", "'; DROP TABLE embeddings; --", "%00", "null", "\r\n", '"', "\\"]
)
STRINGS = TEXTS.map(json.dumps) | TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False))
INTEGERS = st.integers(-(2**70), 2**70) | st.sampled_from(
    [0, -1, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**400]
)
NUMBERS = (
    INTEGERS.map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(json.dumps)
    | st.sampled_from(
        ["1e400", "-1e400", "1e-400", "5e-324", "-0", "-0.0", "1E5", "3.5e38", "1e39", "0.1e1", "1e9999999999"]
    )
)
ATOMS = STRINGS | NUMBERS | st.sampled_from(["null", "true", "false", "{}", "[]", "[[]]", '{"":""}'])
BROKEN = st.sampled_from(
    [*"NaN Infinity -Infinity undefined 01 1. +1 .5 1e 0x1F 'a' [1,] {1:2} , } ] /* tru \x00 \ufeff{}".split(" "), ""]
    + ['"\\u12', '"\\x00"', '"\n"', '"\\ud800"', '{"a":1,}', '{"a"}', '"']
)
"""What is no JSON."""
JSON = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(STRINGS, inner), max_size=4).map(lambda pairs: _object(pairs))
    ),
    max_leaves=8,
)


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"


def _nested(parts: tuple[str, str, int]) -> str:
    opening, closing, depth = parts
    return opening * depth + "1" + closing * depth


DEEP = st.tuples(
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('{"$and":[', "]}"), ('{"a":{"$not":', "}}")]),
    st.sampled_from([2, 20, 126, 127, 128, 129, 500, 1100, 5000, 60_000]),
).map(lambda drawn: _nested((*drawn[0], drawn[1])))

KEYS = st.sampled_from(["n", "s", "tags", "missing", "", "$and", "#document", "chroma:document", "a.b", "'", "\0"])
OPERATORS = st.sampled_from(
    [
        "$eq",
        "$ne",
        "$gt",
        "$gte",
        "$lt",
        "$lte",
        "$in",
        "$nin",
        "$contains",
        "$not_contains",
        "$regex",
        "$not",
        "$EQ",
        "",
    ]
)
_VALUES = STRINGS | NUMBERS | st.sampled_from(["1", "2", '"x"', "true", "null"])
_LISTS = st.lists(_VALUES, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
WHERE = st.recursive(
    st.tuples(
        KEYS.map(json.dumps),
        _VALUES | st.tuples(OPERATORS.map(json.dumps), _VALUES | _LISTS).map(lambda p: _object([p])),
    ).map(lambda pair: _object([pair])),
    lambda inner: st.tuples(st.sampled_from(['"$and"', '"$or"']), st.lists(inner, max_size=4)).map(
        lambda drawn: _object([(drawn[0], f"[{','.join(drawn[1])}]")])
    ),
    max_leaves=12,
)
PATTERNS = st.sampled_from(
    [
        "a",
        "(",
        "[",
        "a{1000}{1000}",
        "(a*)*b",
        "\\p{Greek}",
        "(?i)A",
        "^$",
        "\\",
        "(?R)",
        "\\1",
        ".*" * 50,
        "",
        "%",
        "_",
    ]
)
WHERE_DOCUMENT = st.recursive(
    st.tuples(
        st.sampled_from(['"$contains"', '"$not_contains"', '"$regex"', '"$not_regex"', '"$eq"']),
        PATTERNS.map(json.dumps) | _VALUES,
    ).map(lambda pair: _object([pair])),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: _object([('"$and"', f"[{','.join(parts)}]")])),
    max_leaves=6,
)
INCLUDE = st.lists(
    st.sampled_from(["documents", "embeddings", "metadatas", "distances", "uris", "data", "", "ids"]), max_size=6
).map(json.dumps)


def packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


COORDINATES = st.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = st.lists(COORDINATES, min_size=3, max_size=3)
ENCODED = VECTORS.map(packed) | st.sampled_from(
    [
        "",
        "=",
        "====",
        "AAAA",
        "not base64!",
        packed([float("nan")] * 3),
        packed([float("inf"), 0, 0]),
        packed([1, 2]),
        "AAAAAAAAAAAAAAA",
    ]
)
IDS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
METADATA = st.dictionaries(
    st.sampled_from(["n", "s", "tags", "f"]),
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.sampled_from(["x", "", "é🦀", "a\0b"])
    | st.lists(st.integers(0, 9), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


@st.composite
def rows(draw: st.DrawFn) -> Members:
    """Right rows of three dimensions."""
    ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))

    def column(values: st.SearchStrategy[Any]) -> str:
        return json.dumps(draw(st.lists(values, min_size=len(ids), max_size=len(ids))))

    members = {"ids": json.dumps(ids), "embeddings": column(VECTORS | VECTORS.map(packed))}
    optional = {
        "documents": st.none() | st.sampled_from(["apple", "a\0b", "日本", ""]),
        "metadatas": METADATA,
        "uris": st.none() | st.just("u"),
    }
    return members | {name: column(values) for name, values in optional.items() if draw(st.booleans())}


def _some(optional: dict[str, st.SearchStrategy[str]], **always: st.SearchStrategy[str]) -> st.SearchStrategy[Members]:
    return st.fixed_dictionaries(always, optional=optional)


SELECTION = {"where": WHERE, "where_document": WHERE_DOCUMENT, "ids": st.lists(IDS, max_size=3).map(json.dumps)}
NAMES = st.sampled_from(['"fuzz-1"', '"fuzz-2"', '"fuzz-3"'])
CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "space": st.sampled_from(["l2", "cosine", "ip"]),
        **dict.fromkeys(("ef_construction", "ef_search", "max_neighbors", "num_threads", "sync_threshold"), INTEGERS),
        "resize_factor": st.floats(),
    },
).map(lambda hnsw: json.dumps({"hnsw": hnsw}))
QUERY = _some(
    {**SELECTION, "n_results": st.sampled_from(["0", "1", "3", "100"]), "include": INCLUDE},
    query_embeddings=st.lists(VECTORS, min_size=1, max_size=3).map(json.dumps),
)
GET = _some({**SELECTION, "limit": NUMBERS, "offset": NUMBERS, "include": INCLUDE})
DELETE = _some({**SELECTION, "limit": NUMBERS})
CREATE = _some(
    {"metadata": METADATA.map(json.dumps), "configuration": CONFIGURATIONS, "get_or_create": st.just("true")},
    name=NAMES,
)
MODIFY = _some({"new_name": NAMES, "new_metadata": METADATA.map(json.dumps), "new_configuration": CONFIGURATIONS})
NAMED = _some({}, name=STRINGS)


@st.composite
def spoilt(draw: st.DrawFn, right: st.SearchStrategy[Members]) -> bytes:
    """A body that is right but for one member or two, one that is there twice, a rank growth, or how it is written."""
    members = draw(right)
    names = [*members, "ids", "embeddings", "where", "unknown"]
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        members[draw(st.sampled_from(names))] = draw(
            JSON | JSON | ENCODED.map(lambda text: f'["{text}"]') | DEEP | BROKEN
        )
    pairs = [(json.dumps(name), value) for name, value in members.items()]
    if draw(st.integers(0, 9)) == 0:
        pairs.append((json.dumps(draw(st.sampled_from(names))), draw(JSON)))
    text = _object(pairs)
    match draw(st.integers(0, 19)):
        case 0:
            text = text[: draw(st.integers(0, len(text)))]
        case 1:
            text += draw(BROKEN | JSON)
        case 2:
            text = draw(JSON | BROKEN | DEEP)
    return text.encode("utf-8", "surrogatepass")
