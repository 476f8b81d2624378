"""What an index may be made with: values that would end the engine, or fill its memory, are refused by name.

Chroma 1.5.9 takes them all. With no neighbours its process ends at the first write, and again whenever it
replays that write: the whole store would be gone for good.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support.besieged import DATABASE, Besieged


def schema(**hnsw: int) -> dict[str, Any]:
    index = {"float_list": {"vector_index": {"enabled": True, "config": {"space": "l2", "hnsw": hnsw}}}}
    return {"defaults": {}, "keys": {"#embedding": index}}


REFUSED: dict[str, dict[str, Any]] = {
    "no neighbours": {"configuration": {"hnsw": {"max_neighbors": 0}}},
    "more neighbours than memory": {"configuration": {"hnsw": {"max_neighbors": 2**31}}},
    "neighbours that take hours": {"configuration": {"hnsw": {"max_neighbors": 10_000}}},
    "no neighbours by metadata": {"metadata": {"hnsw:M": 0}},
    "too many neighbours by metadata": {"metadata": {"hnsw:M": 2**31}},
    "no neighbours by schema": {"schema": schema(max_neighbors=0)},
    "too wide a search": {"configuration": {"hnsw": {"ef_search": 2**40}}},
    "too wide a construction": {"metadata": {"hnsw:construction_ef": 2**40}},
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_index_that_would_end_the_engine_is_refused(besieged: Besieged, what: str) -> None:
    body = json.dumps({"name": "index", **REFUSED[what]}).encode()
    refused = besieged.send("POST", f"{DATABASE}/collections", body)
    assert refused.status == 400
    assert re.search("is not between [01] and", refused.json["message"])
    assert "choose" in refused.json["message"]
    assert besieged.send("GET", f"{DATABASE}/collections/index").status == 404


def test_an_index_is_not_changed_to_such_a_one_either(besieged: Besieged) -> None:
    made = besieged.send(
        "POST", f"{DATABASE}/collections", b'{"name": "index", "configuration": {"hnsw": {"max_neighbors": 48}}}'
    )
    assert made.status == 200
    path = f"{DATABASE}/collections/{made.json['id']}"
    refused = besieged.send("PUT", path, b'{"new_configuration": {"hnsw": {"max_neighbors": 0}}}')
    assert refused.status == 400
    assert besieged.send("PUT", path, b'{"new_configuration": {"hnsw": {"ef_search": 200}}}').status == 200
    assert besieged.send("POST", f"{path}/upsert", b'{"ids": ["a"], "embeddings": [[1, 0]]}').status == 200
    assert besieged.send("DELETE", f"{DATABASE}/collections/index").status == 200


@pytest.mark.parametrize("value", ["[1]", '["a"]', "[]", '{"#type": "sparse_vector", "indices": [1], "values": [0.5]}'])
def test_metadata_on_which_the_engine_would_hang_up_are_refused(besieged: Besieged, value: str) -> None:
    made = besieged.send("POST", f"{DATABASE}/collections", b'{"name": "listed"}')
    for method, path, body in (
        ("POST", f"{DATABASE}/collections", f'{{"name": "another", "metadata": {{"key": {value}}}}}'),
        ("PUT", f"{DATABASE}/collections/{made.json['id']}", f'{{"new_metadata": {{"key": {value}}}}}'),
        ("POST", "/collections/create", f'{{"name": "another", "metadata": {{"key": {value}}}}}'),
    ):
        refused = besieged.send(method, path, body.encode())
        assert refused.status in (400, 422)
        assert "key" in refused.json["message"]
    besieged.send("DELETE", f"{DATABASE}/collections/listed")
