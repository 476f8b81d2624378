"""Which writes may share a commit, how large ones are cut, and what is refused before."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import batch
from vectorstore_instance.models import wire
from vectorstore_instance.settings import Limits

LIMITS = Limits(max_batch_rows=100, max_dimension=4)


def rows(**body: Any) -> wire.Rows:
    return wire.rows.decode(json.dumps(body).encode())


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"ids": [str(n) for n in range(101)]}, 413, "101 rows"),
        ({"ids": ["a", ""]}, 400, "position 1"),
        ({"ids": ["a", "b", "a"]}, 400, "'a'"),
        ({"ids": ["a"], "documents": ["x", "y"]}, 400, "documents: 2 values for 1 ids"),
        ({"ids": ["a"], "embeddings": [[1, 2, 3, 4, 5]]}, 400, "dimension 5 is above the 4"),
        ({"ids": ["a"], "embeddings": [packed(1, 2, 3, 4, 5)]}, 400, "dimension 5 is above the 4"),
        ({"ids": [1]}, 422, "$.ids[0]"),
        ({"documents": []}, 422, "ids"),
        ({"ids": ["a", "b"], "metadatas": [None, {"chroma:document": 5}]}, 400, "metadatas[1]: 'chroma:document'"),
    ],
)
def test_a_wrong_body_is_refused_with_field_and_value(body: dict[str, Any], status: int, words: str) -> None:
    with pytest.raises(ApiError) as refusal:
        batch.read_rows("add", json.dumps(body).encode(), LIMITS)
    assert refusal.value.status == status
    assert words in refusal.value.message


@pytest.mark.parametrize(
    "body",
    [
        b'{"ids": ["a"',
        b'{"ids": ["\xff"], "embeddings": [[1]]}',
        b'{"ids": ["a"], "embeddings": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    for read in (lambda: batch.read_rows("add", body, LIMITS), lambda: batch.read_delete(body, LIMITS)):
        with pytest.raises(ApiError) as refusal:
            read()
        assert refusal.value.status == 400
        assert "not JSON" in refusal.value.message


def test_a_reserved_key_is_found_however_it_is_spelt() -> None:
    spelt = b'{"ids": ["a"], "metadatas": [{"\\u0063hroma\\u003auri": "x"}]}'
    with pytest.raises(ApiError, match="'chroma:uri' is reserved"):
        batch.read_rows("add", spelt, LIMITS)
    harmless = b'{"ids": ["a"], "metadatas": [{"about": "chroma:document, \\u00e9"}]}'
    assert batch.read_rows("add", harmless, LIMITS).ids == ["a"]


@pytest.mark.parametrize(
    ("most", "more"),
    [
        ({f"k{n}": n for n in range(5459)}, {"one": None}),
        ({"list": list(range(5459))}, {"one": [1]}),
        ({f"list{n}": ["x", "y"] for n in range(2729)}, {"one": "x", "more": ","}),
    ],
)
def test_a_row_with_more_values_than_sqlite_binds_is_refused(most: dict[str, Any], more: dict[str, Any]) -> None:
    def read(metadata: dict[str, Any]) -> wire.Rows:
        body = {"ids": ["a", "b"], "metadatas": [None, metadata]}
        return batch.read_rows("update", json.dumps(body, separators=(",", ":")).encode(), LIMITS)

    assert read(most).ids == ["a", "b"]
    with pytest.raises(ApiError, match=r"metadatas\[1\]: 546[01] values are above the 5459"):
        read(most | more)
    assert read({"text": "," * 10_000}).ids == ["a", "b"]


def test_a_delete_names_no_more_rows_than_a_write() -> None:
    with pytest.raises(ApiError, match="101 rows") as refusal:
        batch.read_delete(json.dumps({"ids": [str(n) for n in range(101)]}).encode(), LIMITS)
    assert refusal.value.status == 413


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_length_of_a_vector_is_known_without_reading_it(count: int) -> None:
    numbers = [0.5 * n for n in range(count)]
    (as_list,) = rows(ids=["a"], embeddings=[numbers]).embeddings or []
    (as_text,) = rows(ids=["a"], embeddings=[packed(*numbers)]).embeddings or []
    assert batch.length(as_list) == count
    assert batch.length(as_text) == count


def test_merged_writes_keep_every_byte_of_what_was_sent() -> None:
    first = wire.rows.decode(b'{"ids":["a"],"embeddings":[[1.10, 2e0]],"documents":["\\u00e9"]}')
    second = wire.rows.decode(b'{"ids":["b"],"embeddings":[[3.0,4]],"documents":[null]}')
    assert batch.fit_together(first, second)
    merged = batch.merge([first, second])
    assert merged == b'{"ids":["a","b"],"embeddings":[[1.10, 2e0],[3.0,4]],"documents":["\\u00e9",null]}'


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"ids": ["a"], "embeddings": [[1]]}, {"ids": ["b"], "embeddings": [packed(1)]}),
        ({"ids": ["a"], "embeddings": [[1]]}, {"ids": ["b"], "embeddings": [[1]], "documents": ["x"]}),
        ({"ids": ["a"], "embeddings": [[1]]}, {"ids": [], "embeddings": []}),
    ],
)
def test_writes_of_another_form_do_not_share_a_commit(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert not batch.fit_together(rows(**first), rows(**second))


def test_pieces_are_the_whole_in_order() -> None:
    whole = rows(ids=list("abcde"), embeddings=[[n] for n in range(5)], metadatas=[{"n": n} for n in range(5)])
    parts = [json.loads(piece) for piece in batch.pieces(whole, 2)]
    assert [part["ids"] for part in parts] == [["a", "b"], ["c", "d"], ["e"]]
    assert [m["n"] for part in parts for m in part["metadatas"]] == list(range(5))
    assert [e for part in parts for e in part["embeddings"]] == [[n] for n in range(5)]


@pytest.mark.parametrize(
    ("body", "dimension", "fine"),
    [
        ({"ids": ["a"], "embeddings": [[1, 2]]}, None, True),
        ({"ids": ["a"], "embeddings": [[1, 2]]}, 2, True),
        ({"ids": ["a"], "embeddings": [[1, 2]]}, 3, False),
        ({"ids": ["a", "b"], "embeddings": [[1, 2], [1]]}, None, False),
        ({"ids": ["a"], "embeddings": [packed(1, 2)]}, 2, True),
        ({"ids": ["a"], "embeddings": [packed(1, float("nan"))]}, 2, False),
        ({"ids": ["a"], "embeddings": [packed(float("inf"), 1)]}, 2, False),
        ({"ids": ["a"], "embeddings": ["%%%"]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1e39, 1]]}, 2, False),
        ({"ids": ["a"], "embeddings": [[None, 1]]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": {"deep": 1}}]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": [1, 2]}], "documents": [None]}, 2, True),
        ({"ids": ["a"], "embeddings": [[1, 2]], "documents": [5]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": [1, "x"]}]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": [True, 1]}]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": []}]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": [[1]]}]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"": 1}]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": None}]}, 2, False),
        ({"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": 1 << 63}]}, 2, False),
        (
            {"ids": ["a"], "embeddings": [[1, 2]], "metadatas": [{"k": -(1 << 63), "l": 1.5, "m": "", "n": True}]},
            2,
            True,
        ),
        ({"ids": ["a"], "embeddings": [[3.4028235677973366e38, 1]]}, 2, False),
        ({"ids": ["a"], "documents": ["x"]}, 2, False),
    ],
)
def test_only_what_the_engine_is_sure_to_take_goes_in_pieces(
    body: dict[str, Any], dimension: int | None, fine: bool
) -> None:
    assert batch.proven(rows(**body), dimension) is fine
