"""Texts longer than the model reads: refused, split or cut, as the request says; with a real engine and model."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.support.instances import Running

from vectorstore_instance.models import answers

RAIN = " ".join(f"Rain number {n} fell softly on the green hills of the north." for n in range(60))
SHIPS = " ".join(f"Ship number {n} left the harbour for the southern ocean." for n in range(30))
STORY = f"{RAIN}\n\n{SHIPS}"
"""About 1,300 tokens, in two subjects."""


@pytest.fixture
def http(shared: Running) -> httpx.Client:
    return shared.http()


@pytest.fixture
def name(http: httpx.Client, request: pytest.FixtureRequest) -> str:
    """A collection of this test's own."""
    made = re.sub(r"\W", "-", request.node.name).strip("-")
    assert http.post("/collections/create", json={"name": made}).status_code == 200
    return made


def ask(http: httpx.Client, path: str, **body: Any) -> Any:
    reply = http.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def rows(http: httpx.Client, name: str, **selection: Any) -> dict[str, Any]:
    return {row["id"]: row for row in ask(http, f"/collections/{name}/get", **selection)["results"]}


def test_refused_where_nothing_else_is_asked_for(http: httpx.Client, name: str) -> None:
    reply = http.post(f"/collections/{name}/add", json={"documents": ["short", STORY]})
    assert reply.status_code == 400
    assert re.search(r"text 1 .* has \d+ tokens, and .* reads 256 .* chunk=true or truncate=true", reply.text)
    assert rows(http, name) == {}


def test_a_split_document_is_rows_that_say_where_they_are_from(http: httpx.Client, name: str) -> None:
    written = ask(
        http,
        f"/collections/{name}/add?chunk=true",
        documents=["A short one.", STORY],
        ids=["short", "story"],
        metadatas=[{"by": "me"}, {"by": "you"}],
    )
    answers.Written.model_validate(written)
    (split,) = written.pop("chunked")
    assert split["id"] == "story"
    assert split["chunks"] >= 5
    assert written == {"ids": ["short", "story"], "count": 2}

    there = rows(http, name)
    assert list(there) == ["short", *(f"story#{n}" for n in range(split["chunks"]))]
    assert there["short"] == {"id": "short", "document": "A short one.", "metadata": {"by": "me"}}
    for number in range(split["chunks"]):
        row = there[f"story#{number}"]
        start = row["metadata"]["chunk_offset"]
        assert row["metadata"] == {"by": "you", "chunk_of": "story", "chunk_number": number, "chunk_offset": start}
        assert STORY[start:].startswith(row["document"])
        assert row["document"].endswith(".")


def test_it_is_found_once_under_its_own_id_with_its_nearest_chunk(http: httpx.Client, name: str) -> None:
    documents = [STORY, "A sailor went home.", "Bread is baked from flour."]
    ask(http, f"/collections/{name}/add?chunk=true", documents=documents, ids=["story", "sailor", "bread"])
    found = ask(http, f"/collections/{name}/query", query_texts=["ships leaving the harbour"], n_results=3)
    answers.FoundEach.model_validate(found)
    ((first, *others),) = found["results"]
    assert first["id"] == "story"
    assert "Ship number" in first["document"]
    assert first["metadata"]["chunk_of"] == "story"
    assert {hit["id"] for hit in others} == {"sailor", "bread"}


def test_it_is_read_and_deleted_by_its_own_id(http: httpx.Client, name: str) -> None:
    ask(http, f"/collections/{name}/add?chunk=true", documents=[STORY, "Other."], ids=["story", "other"])
    there = rows(http, name, ids=["story"])
    assert len(there) >= 5
    assert all(row.startswith("story#") for row in there)
    refused = http.post(f"/collections/{name}/add", json={"documents": ["x"], "ids": ["story"]})
    assert (refused.status_code, refused.json()["error"]) == (409, "UniqueConstraintError")
    assert ask(http, f"/collections/{name}/delete", ids=["story"], where={"by": "me"})["deleted"] == 0
    assert ask(http, f"/collections/{name}/delete", ids=["story", "unknown"])["deleted"] == len(there)
    assert list(rows(http, name)) == ["other"]


def test_an_update_leaves_no_chunk_of_the_old_text(http: httpx.Client, name: str) -> None:
    upsert = f"/collections/{name}/upsert?chunk=true"
    ask(http, upsert, documents=[STORY, "Other."], ids=["story", "other"])
    many = len(rows(http, name, ids=["story"]))
    ask(http, upsert, documents=[SHIPS], ids=["story"])
    there = rows(http, name, ids=["story"])
    assert 1 < len(there) < many
    assert not any("Rain" in row["document"] for row in there.values())
    ask(http, upsert, documents=["Short now."], ids=["story"])
    assert list(rows(http, name)) == ["other", "story"]
    ask(http, upsert, documents=[SHIPS], ids=["story"])
    assert set(rows(http, name)) == {"other", *there}


def test_of_two_who_update_it_at_the_same_time_one_is_there_as_a_whole(http: httpx.Client, name: str) -> None:
    def upsert(text: str) -> None:
        ask(http, f"/collections/{name}/upsert?chunk=true", documents=[text], ids=["story"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upsert, [STORY, SHIPS, RAIN, SHIPS]))
    there = rows(http, name)
    chunks = [there[f"story#{number}"] for number in range(len(there))]
    left = " ".join(row["document"] for row in chunks)
    assert left in (RAIN, SHIPS, f"{RAIN} {SHIPS}")


def test_a_cut_document_is_stored_whole_and_reported(http: httpx.Client, name: str) -> None:
    written = ask(http, f"/collections/{name}/add?truncate=true", documents=["short", STORY], ids=["short", "story"])
    answers.Written.model_validate(written)
    (cut,) = written["truncated"]
    assert (cut["index"], cut["characters"]) == (1, len(STORY))
    assert 500 < cut["read"] < 2000
    assert rows(http, name)["story"]["document"] == STORY
    ((hit, _),) = ask(http, f"/collections/{name}/query", query_texts=[STORY[: cut["read"]]])["results"]
    assert hit["id"] == "story"
    assert hit["distance"] == pytest.approx(0, abs=1e-5)


def test_a_long_question_is_cut_and_never_split(http: httpx.Client, name: str) -> None:
    ask(
        http,
        f"/collections/{name}/add",
        documents=["Rain fell on the hills.", "Bread is baked."],
        ids=["rain", "bread"],
    )
    found = ask(http, f"/collections/{name}/query?truncate=true", query_texts=["bread", STORY], n_results=1)
    answers.FoundEach.model_validate(found)
    assert [hits[0]["id"] for hits in found["results"]] == ["bread", "rain"]
    assert [(one["index"], one["characters"]) for one in found["truncated"]] == [(1, len(STORY))]
    refused = http.post(f"/collections/{name}/query?chunk=true", json={"query_texts": [STORY]})
    assert (refused.status_code, "chunk: true" in refused.text) == (422, True)


def test_the_short_routes_do_the_same(start: Any) -> None:
    http = start().http()
    assert ask(http, "/embed/?chunk=true", documents=[STORY], ids=["story"])["chunked"][0]["id"] == "story"
    added = ask(http, "/add?chunk=true", text=STORY, chunk="my own field")
    answers.Added.model_validate(added)
    assert added["chunked"][0]["id"] == added["id"]
    assert ask(http, "/add?truncate=true", text=STORY, id="cut")["truncated"][0]["index"] == 0
    found = ask(http, "/search/?truncate=true", query=STORY, n_results=3)
    assert {hit["id"] for hit in found["results"]} == {"story", added["id"], "cut"}
    assert len(found["truncated"]) == 1
    assert len(ask(http, "/query?truncate=true", query_text=STORY, k=1)["truncated"]) == 1
    assert ask(http, "/delete/", ids=["story", added["id"], "cut"])["deleted"] > 10
    assert ask(http, "/search/", query="anything")["results"] == []


@pytest.mark.parametrize(
    ("query", "body", "told"),
    [
        ("chunk=true&truncate=true", {"documents": ["x"]}, "send one of them"),
        ("chunk=true", {"embeddings": [[0.5] * 384]}, "chunk: true, and there are embeddings"),
        ("truncate=true", {"documents": ["x"], "embeddings": [[0.5] * 384]}, "truncate: true, and there are"),
        ("chunk=perhaps", {"documents": ["x"]}, "chunk"),
        (
            "chunk=true",
            {"documents": ["x"], "ids": ["a"], "metadatas": [{"chunk_of": "me"}]},
            "'chunk_of' of 'a' is where chunk=true keeps",
        ),
    ],
)
def test_what_cannot_be_is_refused(http: httpx.Client, name: str, query: str, body: Any, told: str) -> None:
    reply = http.post(f"/collections/{name}/add?{query}", json=body)
    assert (reply.status_code, told in reply.json()["message"]) == (422, True), reply.text


def test_more_chunks_than_a_request_may_write_are_refused(start: Any, tmp_path: Any) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"max_batch_rows": 4}')
    http = start(LIMITS_FILE=str(limits)).http()
    reply = http.post("/embed/?chunk=true", json={"documents": [STORY]})
    assert reply.status_code == 413
    assert "chunks in one request, and 4 are allowed" in reply.text


def test_thousands_of_ids_are_looked_up_and_deleted(http: httpx.Client, name: str) -> None:
    ids = [f"id{n}" for n in range(5461)]
    vectors = [[1.0] + [0.0] * 383] * len(ids)
    ask(http, f"/collections/{name}/upsert", embeddings=vectors, ids=ids)
    assert ask(http, f"/collections/{name}/delete", ids=ids)["deleted"] == len(ids)
