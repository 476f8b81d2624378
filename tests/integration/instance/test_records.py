"""What queries tell of rows is what the engine tells of them: read from the tables, value for value."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.support.instances import Running

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
COLUMNS = ["documents", "metadatas", "uris"]

ZOO: list[tuple[str | None, dict[str, Any] | None, str | None]] = [
    ("plain", {"word": "x", "int": 1, "float": 1.5, "yes": True, "no": False}, "file:///x"),
    (None, None, None),
    ("", {"empty": "", "zero": 0, "none": 0.0}, None),
    ('naïve 日本語 🦀 \u0000 \u2028 "quoted" \\ /', {"ключ": "значение \u0000", 'quo"ted': "\\"}, "u"),
    ("int64", {"most": 2**63 - 1, "least": -(2**63)}, None),
    ("floats", {"tiny": 5e-324, "huge": 1.7976931348623157e308, "third": 1 / 3, "whole": 1.0, "minus": -0.0}, None),
    ("lists", {"words": ["b", "a", "b"], "ints": [3, 1, 2], "floats": [0.1, 2.0], "flags": [True, False]}, None),
    (None, {"only": "metadata"}, None),
    (None, None, "only:uri"),
    ("only text", None, None),
    ("x" * 100_000, {"long": "y" * 10_000}, None),
]


@pytest.fixture(scope="module")
def path(vectors_only: Running) -> str:
    """A collection with one row of every kind; its path."""
    with vectors_only.http("read-write") as http:
        made = http.post(f"{DATABASE}/collections", json={"name": "zoo"}).json()
        found = f"{DATABASE}/collections/{made['id']}"
        documents, metadatas, uris = zip(*ZOO, strict=True)
        body = {
            "ids": [f"row {n}" for n in range(len(ZOO))],
            "embeddings": [[n, 1, 0] for n in range(len(ZOO))],
            "documents": documents,
            "metadatas": metadatas,
            "uris": uris,
        }
        answer = http.post(f"{found}/upsert", json=body)
        assert answer.is_success, answer.text
        return found


def same(vectors_only: Running, path: str) -> None:
    """Compares the rows as a query tells them with those that the engine's `get` tells."""
    with vectors_only.http("read-write") as http:
        stored = exact(http.post(f"{path}/get", json={"include": COLUMNS}))
        query = {"query_embeddings": [[0, 1, 0]], "n_results": 100, "include": COLUMNS}
        found = exact(http.post(f"{path}/query", json=query))
    known = {id_: [stored[name][n] for name in COLUMNS] for n, id_ in enumerate(stored["ids"])}
    told = {id_: [found[name][0][n] for name in COLUMNS] for n, id_ in enumerate(found["ids"][0])}
    assert told == known
    assert found["include"] == COLUMNS
    assert found["distances"] is None


def exact(answer: httpx.Response) -> Any:
    """A body whose numbers keep their kind: 1 is not 1.0 and not true."""
    assert answer.is_success, answer.text
    return json.loads(
        answer.content, parse_float=lambda text: ("float", float(text)), parse_int=lambda text: ("int", text)
    )


def test_rows_of_every_kind_are_told_as_the_engine_tells_them(vectors_only: Running, path: str) -> None:
    same(vectors_only, path)


def test_changes_are_told_as_soon_as_they_are_acknowledged(vectors_only: Running, path: str) -> None:
    with vectors_only.http("read-write") as http:
        changes: list[tuple[str, dict[str, Any]]] = [
            ("update", {"ids": ["row 0"], "metadatas": [{"word": None, "int": "now text"}], "documents": ["changed"]}),
            ("update", {"ids": ["row 6"], "metadatas": [{"words": ["z"], "ints": None}]}),
            ("upsert", {"ids": ["row 1"], "embeddings": [[1, 1, 1]], "documents": ["there now"]}),
            ("delete", {"ids": ["row 3"]}),
            ("upsert", {"ids": ["row 3"], "embeddings": [[3, 1, 0]], "documents": ["again"]}),
        ]
        for verb, body in changes:
            answer = http.post(f"{path}/{verb}", json=body)
            assert answer.is_success, answer.text
            same(vectors_only, path)
