"""What is due by itself, how operations are done again, and what an index's first file says."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import pytest

from vectorstore_instance.engine.maintenance import automatic
from vectorstore_instance.engine.maintenance.aside import requests
from vectorstore_instance.engine.maintenance.header import Header, read_header
from vectorstore_instance.engine.maintenance.reclaimable import Slots, Waste
from vectorstore_instance.engine.operations import ADD, DELETE, UPDATE, UPSERT, Written

MIB = 1 << 20
NOTHING = {"database": 500 * MIB, "free": 0, "operations": 10_000, "superseded": 0, "superseded_bytes": 0}
VECTOR = struct.pack("<2f", 1.0, 2.0)


@pytest.mark.parametrize(
    ("waste", "due"),
    [
        ({}, []),
        ({"orphans": 1}, ["collect"]),
        ({"superseded": 2999}, []),
        ({"superseded": 3000}, ["compact"]),
        ({"operations": 1999, "superseded": 1999}, []),
        ({"indices": (Slots("few", 1999, 1999, 1),)}, []),
        ({"indices": (Slots("half", 4000, 2000, 1),)}, []),
        ({"indices": (Slots("most", 4000, 2001, 1),)}, ["rebuild"]),
        ({"free": 249 * MIB}, []),
        ({"free": 250 * MIB}, ["vacuum"]),
        ({"database": 70 * MIB, "free": 63 * MIB}, []),
        ({"orphans": 1, "superseded": 9000, "free": 400 * MIB}, ["collect", "compact", "vacuum"]),
    ],
)
def test_what_is_worth_its_cost_is_due(waste: dict[str, object], due: list[str]) -> None:
    given = Waste(**{**NOTHING, "indices": (), "orphans": 0, **waste})  # type: ignore[arg-type]
    assert [name for name, _ in automatic.due(given)] == due


def test_operations_are_done_again_in_order_and_never_twice_on_a_row_at_once() -> None:
    done = [
        Written(1, UPSERT, "a", VECTOR),
        Written(2, UPSERT, "b", VECTOR),
        Written(3, UPSERT, "a", VECTOR),
        Written(4, DELETE, "b", None),
        Written(5, ADD, "b", VECTOR),
        Written(6, UPDATE, "b", VECTOR),
    ]
    made = [(verb, json.loads(body), count) for verb, body, count in requests(done)]
    assert [(verb, body["ids"], count) for verb, body, count in made] == [
        ("upsert", ["a", "b"], 2),
        ("upsert", ["a"], 1),
        ("delete", ["b"], 1),
        ("add", ["b"], 1),
        ("update", ["b"], 1),
    ]
    assert all(base64.b64decode(v) == VECTOR for _, body, _ in made for v in body.get("embeddings", ()))
    assert "embeddings" not in made[2][1]


def test_a_header_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    assert read_header(tmp_path) is None
    whole = struct.pack("<i6QiI3QdQ", 1, 0, 8192, 2500, 204, 196, 132, 3, 1358, 16, 32, 16, 0.36, 100)
    (tmp_path / "header.bin").write_bytes(whole)
    assert read_header(tmp_path) == Header(slots=2500, slot_bytes=204, neighbours=16, ef_construction=100)
    (tmp_path / "header.bin").write_bytes(whole[:60])
    assert read_header(tmp_path) is None
