"""Concurrent queries become one, and each gets its own answer out of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

import pytest

from vectorstore_instance.engine.question import split
from vectorstore_instance.engine.reads import WIDEST, Reads
from vectorstore_instance.engine.records import Record, Records
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.route import Kind, Route
from vectorstore_instance.models import wire

INCLUDE = ["metadatas", "documents", "distances"]


def body(vector: float, **more: Any) -> bytes:
    """A query as HttpClient sends it: always with include, and with nulls for what is not set."""
    query = {"query_embeddings": [[vector]], "n_results": 3, "where": None, "where_document": None, "include": INCLUDE}
    return json.dumps(query | more).encode()


def at(path: str) -> Route:
    """A query of the collection `c`."""
    return Route(Kind.QUERY, "c", "query", path)


class EchoEngine:
    """Answers each queried vector with itself; holds every answer back until it is let go."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.go = asyncio.Event()
        self.refuse: float | None = None

    async def send(self, path: str, raw: bytes) -> Reply:
        query = json.loads(raw)
        self.asked.append(query)
        await self.go.wait()
        vectors = query["query_embeddings"]
        if [self.refuse] in vectors:
            return Reply(400, b'{"error":"InvalidArgumentError","message":"no"}')
        answer = {
            "ids": [[str(v[0])] for v in vectors],
            "embeddings": None,
            "documents": [[f"of {v[0]}"] for v in vectors],
            "uris": None,
            "metadatas": [[None] for _ in vectors],
            "distances": [[v[0]] for v in vectors],
            "include": query["include"],
        }
        return Reply(200, json.dumps(answer).encode())


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine()


async def ask(engine: EchoEngine, *bodies: bytes) -> list[Any]:
    """Sends one query that keeps the engine busy, and these while it is."""
    reads = Reads(engine.send)
    busy = asyncio.create_task(reads.query(at("/busy"), body(-1)))
    await asyncio.sleep(0)
    asked = [asyncio.create_task(reads.query(at("/c/query"), b)) for b in bodies]
    await asyncio.sleep(0)
    engine.go.set()
    await busy
    return [json.loads(reply.body) for reply in await asyncio.gather(*asked)]


async def test_queries_as_the_client_sends_them_are_sent_as_one(engine: EchoEngine) -> None:
    answers = await ask(engine, *(body(n) for n in range(5)))
    assert [a["ids"] for a in answers] == [[[str(n)]] for n in range(5)]
    assert [a["documents"] for a in answers] == [[[f"of {n}"]] for n in range(5)]
    assert all(a["include"] == INCLUDE and a["uris"] is None for a in answers)
    assert len(engine.asked) == 2


async def test_a_body_of_several_vectors_gets_all_of_its_answers(engine: EchoEngine) -> None:
    answers = await ask(engine, body(0, query_embeddings=[[1], [2]]), body(3))
    assert [a["ids"] for a in answers] == [[["1"], ["2"]], [["3"]]]


@pytest.mark.parametrize("other", [{"n_results": 4}, {"where": {"k": 1}}, {"include": ["documents"]}, {"ids": ["a"]}])
async def test_queries_that_differ_in_more_than_vectors_go_apart(engine: EchoEngine, other: dict[str, Any]) -> None:
    answers = await ask(engine, body(1), body(2, **other))
    assert [a["ids"] for a in answers] == [[["1"]], [["2"]]]
    assert len(engine.asked) == 3


async def test_a_wrong_query_does_not_spoil_the_others(engine: EchoEngine) -> None:
    engine.refuse = 2
    answers = await ask(engine, body(1), body(2), body(3))
    assert [a.get("ids") for a in answers] == [[["1"]], None, [["3"]]]
    assert answers[1]["message"] == "no"


@pytest.mark.parametrize("strange", [b"[" * 100_000, b'{"query_embeddings":[[1]],"ids":["\xff"]}', b""])
async def test_a_body_that_cannot_be_read_goes_alone_and_holds_up_nobody(strange: bytes) -> None:
    async def send(path: str, raw: bytes) -> Reply:
        await asyncio.sleep(0)
        if raw == strange:
            return Reply(400, b"{}")
        vectors = json.loads(raw)["query_embeddings"]
        return Reply(200, json.dumps({"ids": [[str(v[0])] for v in vectors], "include": []}).encode())

    reads = Reads(send)
    async with asyncio.timeout(10):
        replies = await asyncio.gather(*(reads.query(at("/c"), b) for b in (body(1), strange, body(2), body(3))))
        assert [r.status for r in replies] == [200, 400, 200, 200]
        assert (await reads.query(at("/c"), body(4))).ok


async def test_no_request_holds_more_queries_than_it_may(engine: EchoEngine) -> None:
    await ask(engine, *(body(n) for n in range(WIDEST * 2 + 1)))
    assert max(len(q["query_embeddings"]) for q in engine.asked) <= WIDEST


async def test_a_query_that_comes_right_after_an_answer_is_sent(engine: EchoEngine) -> None:
    engine.go.set()
    reads = Reads(engine.send)
    async with asyncio.timeout(10):
        for n in range(100):
            assert json.loads((await reads.query(at("/c/query"), body(n))).body)["ids"] == [[str(n)]]
            for _ in range(n % 10):  # the sender ends some steps of the loop after its last answer
                await asyncio.sleep(0)


async def test_a_lost_engine_is_told_to_everybody_who_waits() -> None:
    async def lost(path: str, raw: bytes) -> Reply:
        await asyncio.sleep(0)
        raise ConnectionError("gone")

    reads = Reads(lost)
    outcomes = await asyncio.gather(*(reads.query(at("/c/query"), body(n)) for n in range(3)), return_exceptions=True)
    assert [type(o) for o in outcomes] == [ConnectionError] * 3


def test_an_answer_is_cut_out_of_the_engines_own_bytes() -> None:
    merged = (
        b'{"ids":[["a"],["b"]],"embeddings":null,"documents":null,"uris":null,'
        b'"metadatas":null,"distances":[[0.10],[2e-7]],"include":["distances"]}'
    )
    first, second = split(wire.answer.decode(merged), [1, 1])
    assert b'"distances":[[0.10]]' in first
    assert b'"distances":[[2e-7]]' in second
    assert json.loads(second)["ids"] == [["b"]]


async def test_queries_that_find_many_rows_together_are_asked_apart(engine: EchoEngine) -> None:
    await ask(engine, *(body(n, n_results=400) for n in range(5)))
    assert [len(query["query_embeddings"]) for query in engine.asked[1:]] == [2, 2, 1]


class TheseRecords(Records):
    """Rows as if they were in tables."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)

    def of(self, collection: str, ids: Collection[str]) -> dict[str, Record]:
        return {id_: Record(f'"text of {id_}"'.encode(), b'{"n":1}') for id_ in self.ids.intersection(ids)}


async def test_the_engine_is_asked_for_distances_and_the_tables_for_the_rest(engine: EchoEngine) -> None:
    engine.go.set()
    reads = Reads(engine.send, TheseRecords("1", "2"))
    answers = await asyncio.gather(*(reads.query(at("/c/query"), body(n)) for n in (1, 2)))
    assert [q["include"] for q in engine.asked] == [["distances"]] * 2
    first = json.loads(answers[0].body)
    assert first["documents"] == [["text of 1"]]
    assert first["metadatas"] == [[{"n": 1}]]
    assert first["include"] == INCLUDE
    assert first["uris"] is None


async def test_a_row_that_is_gone_since_it_was_found_is_asked_for_again_whole(engine: EchoEngine) -> None:
    engine.go.set()
    reads = Reads(engine.send, TheseRecords("1"))
    answer = json.loads((await reads.query(at("/c/query"), body(2))).body)
    assert answer["documents"] == [["of 2"]]
    assert [q["include"] for q in engine.asked] == [["distances"], INCLUDE]


@pytest.mark.parametrize("more", [{"include": ["distances"]}, {"include": ["nonsense"]}, {"n_results": 5000}])
async def test_a_query_that_the_tables_do_not_help_goes_as_it_is(engine: EchoEngine, more: dict[str, Any]) -> None:
    engine.go.set()
    await Reads(engine.send, TheseRecords()).query(at("/c/query"), body(1, **more))
    assert engine.asked == [json.loads(body(1, **more))]
