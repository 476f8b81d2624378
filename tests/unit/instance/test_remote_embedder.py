"""Another's model over HTTP: a real server on loopback that speaks OpenAI's API, and everything that can go wrong."""

from __future__ import annotations

import asyncio
import base64
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.embed import circuit, endpoint
from vectorstore_instance.embed.endpoint import Clock
from vectorstore_instance.embed.openai import Said, read_error, read_vectors, seconds
from vectorstore_instance.embed.remote import BATCH_TEXTS, PARALLEL, RemoteEmbedder

DIMENSION = 3
Handler = Callable[[dict[str, Any]], Awaitable[web.Response]]


def vector(text: str) -> list[float]:
    """Tells texts apart."""
    return [len(text), sum(map(ord, text)), 0.25]


def right(body: dict[str, Any]) -> dict[str, Any]:
    def form(numbers: list[float]) -> Any:
        if body["encoding_format"] == "float":
            return numbers
        return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()

    items = [
        {"index": i, "embedding": form(vector(text)), "object": "embedding"} for i, text in enumerate(body["input"])
    ]
    return {"object": "list", "data": items[::-1], "model": body["model"], "usage": {"total_tokens": 1}}


class Peer:
    """The server: it answers rightly but for what a test put first in its way."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.faults: list[Handler] = []
        self.always: Handler | None = None

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("authorization"))
        if self.faults:
            return await self.faults.pop(0)(body)
        return await self.always(body) if self.always else web.json_response(right(body))


def says(status: int, message: str = "no", headers: dict[str, str] | None = None, **more: Any) -> Handler:
    async def handler(_: dict[str, Any]) -> web.Response:
        return web.json_response({"error": {"message": message, **more}}, status=status, headers=headers)

    return handler


def answers(change: Callable[[dict[str, Any]], Any]) -> Handler:
    """A right answer, spoiled."""

    async def handler(body: dict[str, Any]) -> web.Response:
        found = right(body)
        return web.json_response(change(found) or found)

    return handler


class Time:
    """A clock that a sleep sets forward."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    async def sleep(self, some: float) -> None:
        self.slept.append(some)
        self.at += some

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at, self.sleep)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest_asyncio.fixture
async def url(peer: Peer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/embeddings", peer.serve)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1"))


@pytest_asyncio.fixture
async def model(url: str, time: Time) -> AsyncIterator[RemoteEmbedder]:
    made = RemoteEmbedder(url, "some-model", DIMENSION, clock=time.clock)
    yield made
    await made.close()


async def refused(model: RemoteEmbedder, status: int, match: str) -> ApiError:
    with pytest.raises(ApiError, match=match) as refusal:
        await model.embed(["text"])
    assert refusal.value.status == status
    return refusal.value


async def test_vectors_come_in_the_order_of_the_texts_and_as_the_endpoint_made_them(
    model: RemoteEmbedder, peer: Peer
) -> None:
    found = await model.embed(["a", "bb", "ccc"])
    assert found.dtype == np.float32
    assert found.tolist() == [vector(text) for text in ("a", "bb", "ccc")]
    assert peer.asked == [{"input": ["a", "bb", "ccc"], "model": "some-model", "encoding_format": "base64"}]
    assert peer.keys == [None]
    assert (await model.embed([])).shape == (0, DIMENSION)


async def test_many_texts_go_in_batches_of_limited_count_and_size_a_few_at_a_time(
    model: RemoteEmbedder, peer: Peer
) -> None:
    under_way, most = 0, 0

    async def count(body: dict[str, Any]) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return web.json_response(right(body))

    peer.always = count
    texts = [f"text {n}" for n in range(10 * BATCH_TEXTS)] + ["x" * 50_000, "y" * 50_000]
    assert (await model.embed(texts)).tolist() == [vector(text) for text in texts]
    assert max(len(body["input"]) for body in peer.asked) == BATCH_TEXTS
    assert [len(body["input"]) for body in peer.asked if "y" in body["input"][-1]] == [1]
    assert most <= PARALLEL


@pytest.mark.parametrize(
    ("name", "dimension", "sent"),
    [
        ("text-embedding-3-small", 512, 512),
        ("text-embedding-3-small", 1536, None),
        ("text-embedding-ada-002", 1536, None),
        ("some-model", 512, None),
    ],
)
async def test_a_length_is_asked_for_only_of_models_that_have_several(
    url: str, peer: Peer, name: str, dimension: int, sent: int | None
) -> None:
    model = RemoteEmbedder(url, name, dimension)
    with pytest.raises(ApiError, match=f"of dimension 3, and DIMENSION is {dimension}"):
        await model.embed(["text"])
    assert [body.get("dimensions") for body in peer.asked] == [sent]
    await model.close()


async def test_a_server_without_base64_is_asked_for_numbers_from_then_on(model: RemoteEmbedder, peer: Peer) -> None:
    async def only_numbers(body: dict[str, Any]) -> web.Response:
        if body["encoding_format"] != "float":
            return await says(422, "encoding_format: unknown")(body)
        return web.json_response(right(body))

    peer.always = only_numbers
    for _ in range(2):
        assert (await model.embed(["a"])).tolist() == [vector("a")]
    assert [body["encoding_format"] for body in peer.asked] == ["base64", "float", "float"]


async def test_what_passes_is_tried_again(model: RemoteEmbedder, peer: Peer, time: Time) -> None:
    async def cut(_: dict[str, Any]) -> web.Response:
        raise asyncio.CancelledError  # closes the connection without an answer

    peer.faults = [says(500), cut, says(503, headers={"retry-after": "7"})]
    assert (await model.embed(["a"])).tolist() == [vector("a")]
    first, second, third = time.slept
    assert 0.3 < first < 0.7 < second < 1.3
    assert third == 7


async def test_429_is_waited_for_as_long_as_it_says_and_not_beyond_the_budget(
    model: RemoteEmbedder, peer: Peer, time: Time
) -> None:
    peer.faults = [says(429, headers={"retry-after": "20"})] * 2
    assert (await model.embed(["a"])).tolist() == [vector("a")]
    assert time.slept == [20, 20]
    peer.faults = [says(429, "slow down", headers={"retry-after": "61"})]
    error = await refused(model, 503, r"is asked too much \(429: slow down\); try again later")
    assert error.headers["retry-after"] == "61"
    assert len(time.slept) == 2


@pytest.mark.parametrize("said", ["0", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "0.001"])
async def test_who_says_that_no_time_is_to_be_waited_is_not_asked_without_end(
    model: RemoteEmbedder, peer: Peer, time: Time, said: str
) -> None:
    async def busy(body: dict[str, Any]) -> web.Response:
        time.at += 0.1  # a request takes time, too
        return await says(429, headers={"retry-after": said})(body)

    peer.always = busy
    await refused(model, 503, "is asked too much")
    assert len(peer.asked) < 10
    assert all(later > earlier for earlier, later in pairwise(time.slept))


async def test_a_spent_account_is_not_waited_for(model: RemoteEmbedder, peer: Peer, time: Time) -> None:
    peer.faults = [says(429, "You exceeded your current quota", code="insufficient_quota")]
    await refused(model, 502, "429: You exceeded your current quota")
    assert not time.slept


async def test_an_endpoint_that_is_down_is_told_at_once_and_found_again(
    model: RemoteEmbedder, peer: Peer, time: Time
) -> None:
    peer.always = says(500)
    error = await refused(model, 503, r"embedding endpoint http://.*/v1/embeddings answers 500; try again later")
    assert error.headers["retry-after"] == "10"
    assert len(peer.asked) == circuit.FAILURES

    time.at += 4.5
    error = await refused(model, 503, "answers 500")
    assert error.headers["retry-after"] == "6"
    assert len(peer.asked) == circuit.FAILURES

    time.at += 5.6
    results = await asyncio.gather(*(model.embed(["a"]) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, ApiError) for result in results)
    assert len(peer.asked) == circuit.FAILURES + 1, "one alone may try"

    time.at += 10
    peer.always = None
    assert (await model.embed(["a"])).tolist() == [vector("a")]
    await asyncio.gather(*(model.embed(["a"]) for _ in range(5)))


async def test_an_endpoint_that_is_not_there_is_503(time: Time) -> None:
    model = RemoteEmbedder(f"http://127.0.0.1:{unused_port()}", "some-model", DIMENSION, clock=time.clock)
    await refused(model, 503, r"cannot be reached \(Cannot connect to host 127\.0\.0\.1")
    await model.close()


async def test_an_endpoint_that_does_not_answer_is_504(
    model: RemoteEmbedder, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "ATTEMPT_SECONDS", 0.05)
    never = asyncio.Event()

    async def hang(_: dict[str, Any]) -> web.Response:
        await never.wait()
        raise AssertionError

    peer.always = hang
    await refused(model, 504, "did not answer within 0.05 s")
    never.set()


async def test_a_refused_key_is_told_and_never_shown_and_a_new_one_is_read(
    url: str, peer: Peer, time: Time, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("sk-old\n")
    model = RemoteEmbedder(url, "some-model", DIMENSION, file, time.clock)
    peer.faults = [says(401, "Incorrect API key provided: sk-old"), says(400, "bad sk-old"), says(400, "bad sk-old")]
    error = await refused(model, 502, r"refuses the key \(401\); put a valid one into EMBED_KEY_FILE")
    assert "sk-old" not in error.message
    error = await refused(model, 400, r"does not take this: bad \*\*\*")
    (tmp_path / "new").write_text("sk-new")
    os.replace(tmp_path / "new", file)
    async with asyncio.timeout(5):
        while peer.keys[-1] != "Bearer sk-new":
            assert (await model.embed(["a"])).tolist() == [vector("a")]
    assert peer.keys[:1] == ["Bearer sk-old"]
    await model.close()


async def test_an_unknown_model_and_a_redirect_are_told_without_another_try(
    model: RemoteEmbedder, peer: Peer, time: Time
) -> None:
    peer.faults = [says(404, "The model `some-model` does not exist"), says(301, "", headers={"location": "/v2"})]
    await refused(model, 502, r"has no such model, or EMBED_URL is not its base URL \(404: The model `some-model`")
    await refused(model, 502, "answers 301")
    assert not time.slept


async def test_a_text_too_long_is_the_endpoints_refusal(model: RemoteEmbedder, peer: Peer) -> None:
    peer.always = says(400, "This model's maximum context length is 8192 tokens")
    await refused(model, 400, "does not take this: This model's maximum context length is 8192 tokens")


def _dimension(answer: dict[str, Any]) -> None:
    answer["data"][0]["embedding"] = [1.0] * 4


def _nan(answer: dict[str, Any]) -> None:
    answer["data"][0]["embedding"] = base64.b64encode(np.array([1, math.nan, 0], "<f4").tobytes()).decode()


def _fewer(answer: dict[str, Any]) -> None:
    answer["data"].pop()


def _twice(answer: dict[str, Any]) -> None:
    answer["data"][0]["index"] = answer["data"][1]["index"]


def _torn(answer: dict[str, Any]) -> None:
    answer["data"][0]["embedding"] = answer["data"][0]["embedding"][:-2]


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (_dimension, "returned vectors of dimension 4, and DIMENSION is 3"),
        (_nan, "a number that is none"),
        (_fewer, "returned 1 vectors for 2 texts"),
        (_twice, "the same one twice"),
        (_torn, "does not answer as OpenAI's API does"),
        (lambda _: {"embeddings": []}, "does not answer as OpenAI's API does"),
        (lambda _: "x" * (2 << 20), "does not answer as OpenAI's API does"),
    ],
)
async def test_an_answer_that_is_not_what_was_asked_for_is_502(
    model: RemoteEmbedder, peer: Peer, spoil: Callable[[Any], Any], match: str
) -> None:
    peer.always = answers(spoil)
    with pytest.raises(ApiError, match=match) as refusal:
        await model.embed(["a", "b"])
    assert (refusal.value.status, refusal.value.headers["retry-after"]) == (502, "60")


@pytest.mark.parametrize("base", ["host/v1", "ftp://host", "https://user:secret@host/v1", "https://host?key=secret"])
def test_a_wrong_url_is_refused_without_what_is_secret_in_it(base: str) -> None:
    with pytest.raises(ValueError, match=r"EMBED_URL: .* is not the base URL") as refusal:
        RemoteEmbedder(base, "some-model", DIMENSION)
    assert "secret" not in str(refusal.value)


def test_a_missing_key_is_refused_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"EMBED_KEY_FILE: .*key: No such file"):
        RemoteEmbedder("http://host", "some-model", DIMENSION, tmp_path / "key")


async def test_a_text_is_divided_by_an_estimate_of_its_tokens() -> None:
    model = RemoteEmbedder("http://host", "some-model", DIMENSION)
    text = "This is a sentence of some words. " * 40
    chunks = [text[start:end] for start, end in await model.split(text, 64, 0)]
    assert " ".join(chunks) == text.strip()
    assert all(chunk.endswith(".") and len(chunk) <= 64 * 3 for chunk in chunks)
    assert [end - start for start, end in await model.split("你" * 100, 50, 0)] == [50, 50]


async def test_how_much_is_read_is_known_of_known_models_only() -> None:
    known = RemoteEmbedder("http://host", "text-embedding-3-small", 1536)
    assert known.max_tokens == 8191
    assert await known.readable(["short", "x" * 100_000]) == [5, 8191 * 3]
    with pytest.raises(ApiError, match="truncate: how much some-model reads is not known"):
        await RemoteEmbedder("http://host", "some-model", DIMENSION).readable(["short"])


def test_an_answer_nested_without_end_is_none() -> None:
    nested = b'{"data":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ValueError, match="does not answer as OpenAI's API does"):
        read_vectors(nested, 1, DIMENSION)
    assert read_error(nested, None) == Said()


def test_retry_after_is_seconds_or_a_date() -> None:
    assert seconds("3") == 3
    assert seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds("inf") == 86_400
    assert seconds("soon") is None
    assert seconds(None) is None
