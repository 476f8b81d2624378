"""Bodies of Chroma's API that are almost right: each is a success or a helpful refusal, and rows stay readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.fuzz.conftest import collection, examples
from tests.support import hostile
from tests.support.besieged import DATABASE, Besieged

ROWS = {
    "ids": ["a", "b"],
    "embeddings": [[1, 0, 0], [0, 1, 0]],
    "documents": ["apple", None],
    "metadatas": [{"n": 1}, None],
}
_numbers = count()


@pytest.fixture
def paths(besieged: Besieged) -> Iterator[list[str]]:
    """A collection with rows and one that takes whatever dimension comes first. At the end both can be read."""
    names = [f"fuzzed-{next(_numbers)}", f"fuzzed-{next(_numbers)}"]
    paths = [collection(besieged, names[0], **ROWS), collection(besieged, names[1])]
    yield paths
    for path in paths:
        everything = json.dumps({"include": ["embeddings", "documents", "metadatas", "uris"]}).encode()
        answer = besieged.send("POST", f"{path}/get", everything)
        assert answer.status == 200, answer
        rows = answer.json
        counted = besieged.send("GET", f"{path}/count").json
        assert len(rows["ids"]) == len(rows["embeddings"]) == counted
        if counted:
            near = {
                "query_embeddings": rows["embeddings"][:1],
                "n_results": counted,
                "include": ["metadatas", "documents"],
            }
            found = besieged.send("POST", f"{path}/query", json.dumps(near).encode())
            assert found.status == 200, found
            assert sorted(found.json["ids"][0]) == sorted(rows["ids"])
    for name in names:
        besieged.send("DELETE", f"{DATABASE}/collections/{name}")


@pytest.mark.parametrize("verb", ["add", "upsert", "update"])
def test_rows(besieged: Besieged, paths: list[str], verb: str) -> None:
    @examples(60)
    @given(st.sampled_from(paths), hostile.spoilt(hostile.rows()))
    def holds(path: str, body: bytes) -> None:
        besieged.send("POST", f"{path}/{verb}", body)

    holds()


@pytest.mark.parametrize("verb", ["query", "get", "delete"])
def test_questions(besieged: Besieged, paths: list[str], verb: str) -> None:
    shape = {"query": hostile.QUERY, "get": hostile.GET, "delete": hostile.DELETE}[verb]

    @examples(60)
    @given(st.sampled_from(paths), hostile.spoilt(shape))
    def holds(path: str, body: bytes) -> None:
        besieged.send("POST", f"{path}/{verb}", body)

    holds()


def test_nothing_is_found_among_ids_that_are_not_there_either(besieged: Besieged, paths: list[str]) -> None:
    body = b'{"query_embeddings": [[0, 0, 0]], "ids": ["a", "gone"], "n_results": 0}'
    besieged.send("POST", f"{paths[0]}/query", body)
    besieged.send("POST", f"{paths[0]}/delete", b'{"ids": ["b"]}')
    answer = besieged.send("POST", f"{paths[0]}/query", body)
    assert answer.status == 200
    assert answer.json["ids"] == [[]]


def test_a_long_path_is_not_repeated_whole(besieged: Besieged) -> None:
    for path in ("/x", "/api/v2/x"):
        refused = besieged.send("GET", path + "x" * 20_000)
        assert refused.status == 404
        assert len(refused.body) < 1500


def test_collections(besieged: Besieged, paths: list[str]) -> None:
    @examples(60)
    @given(hostile.spoilt(hostile.CREATE), hostile.spoilt(hostile.MODIFY))
    def holds(create: bytes, modify: bytes) -> None:
        made = besieged.send("POST", f"{DATABASE}/collections", create)
        if made.status == 200:
            path = f"{DATABASE}/collections/{made.json['id']}"
            besieged.send("PUT", path, modify)
            besieged.send("POST", f"{path}/upsert", json.dumps(ROWS).encode())
            besieged.send("POST", f"{path}/query", b'{"query_embeddings": [[1, 0, 0]]}')

    holds()
    besieged.send("GET", f"{DATABASE}/collections")


def test_tenants_databases_and_what_is_lacking(besieged: Besieged, paths: list[str]) -> None:
    routes = [("POST", "/api/v2/tenants"), ("POST", "/api/v2/tenants/default_tenant/databases")]
    routes += [("POST", f"{paths[0]}/{verb}") for verb in ("search", "fork", "functions/attach")]
    routes += [("PATCH", "/api/v2/tenants/default_tenant"), ("POST", "/api/v2/reset")]

    @examples(60)
    @given(st.sampled_from(routes), hostile.spoilt(hostile.NAMED))
    def holds(route: tuple[str, str], body: bytes) -> None:
        besieged.send(*route, body)

    holds()
