"""What is hardly HTTP: lies about lengths, halves of requests, floods. It gets an error, or is hung up on."""

from __future__ import annotations

import contextlib
import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.fuzz.conftest import LIMITS, examples
from tests.support.besieged import DATABASE, Answer, Besieged

HEAD = b"POST /search/ HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
QUESTION = b'{"query": "hello"}'
WHOLE = b"content-length: %d\r\n\r\n%s" % (len(QUESTION), QUESTION)
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"

NONSENSE = {
    "no request": b"\0\xff\x16\x03\x01 nothing of the kind\r\n\r\n",
    "TLS": bytes.fromhex("16030100f8010000f40303") + b"\0" * 64 + b"\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nhost: x\r\n\r\n",
    "a path with blanks": b"GET /a b c HTTP/1.1\r\nhost: x\r\n\r\n",
    "a path beyond ASCII": b"GET /\xc3\xa9\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    "a path with NUL": b"GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n",
    "a path of 100 KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "an absolute path": b"GET http://other/healthz/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "a tunnel": b"CONNECT other:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nhost x\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nhost: x\r\n folded\r\nconnection: close\r\n\r\n",
    "a header with NUL": b"GET / HTTP/1.1\r\nhost: a\0b\r\nconnection: close\r\n\r\n",
    "bare newlines": b"GET / HTTP/1.1\nhost: x\nconnection: close\n\n",
    "1,000 headers": b"GET / HTTP/1.1\r\n"
    + b"".join(b"h%d: x\r\n" % n for n in range(1000))
    + b"connection: close\r\n\r\n",
    "headers of 1 MB": b"GET / HTTP/1.1\r\n" + b"h: " + b"x" * (1 << 20) + b"\r\n\r\n",
    "two lengths": HEAD + b"content-length: 5\r\n" + WHOLE,
    "a length below nought": HEAD + b"content-length: -5\r\n\r\n{}",
    "a length that is no number": HEAD + b"content-length: many\r\n\r\n{}",
    "a length of 30 digits": HEAD + b"content-length: " + b"9" * 30 + b"\r\n\r\n{}",
    "a length and chunks": HEAD + b"content-length: 3\r\n" + CHUNKED + b"0\r\n\r\n",
    "chunks of no size": HEAD + CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "chunks below nought": HEAD + CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
    "chunks of 30 digits": HEAD + CHUNKED + b"f" * 30 + b"\r\nabc\r\n",
    "an unknown coding": HEAD + b"transfer-encoding: squeezed\r\n\r\n" + QUESTION,
    "an upgrade": b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "less than was announced": HEAD + b"content-length: 500\r\n\r\n" + QUESTION,
    "a head that ends": b"POST /search/ HTTP/1.1\r\nhost:",
    "nothing": b"",
}


def right(besieged: Besieged, answers: list[Answer]) -> None:
    for answer in answers:
        besieged.judge(answer, "")


def key(besieged: Besieged) -> bytes:
    return b"x-chroma-token: %s\r\n" % besieged.running.key().encode()


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_refused_or_hung_up_on(besieged: Besieged, what: str) -> None:
    said = NONSENSE[what].replace(HEAD, HEAD + key(besieged))
    right(besieged, besieged.say(said, half_close=True))


def test_random_bytes(besieged: Besieged) -> None:
    lines = st.sampled_from(NONSENSE_PARTS) | st.binary(max_size=30)

    @examples(60)
    @given(st.lists(lines, max_size=8))
    def holds(parts: list[bytes]) -> None:
        right(besieged, besieged.say(b"".join(parts), half_close=True))

    holds()


NONSENSE_PARTS = [
    HEAD,
    WHOLE,
    CHUNKED,
    b"\r\n",
    b"\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"content-length: 7\r\n",
    b"GET / HTTP/1.1\r\n",
]


def test_a_body_in_chunks_of_one_byte_is_a_body(besieged: Besieged) -> None:
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in QUESTION) + b"0\r\n\r\n"
    (answer,) = besieged.say(HEAD, key(besieged), b"connection: close\r\n", CHUNKED, body)
    assert answer.status == 200


def test_requests_behind_one_another_are_answered_in_order(besieged: Besieged) -> None:
    heartbeat = b"GET /api/v2/version HTTP/1.1\r\nhost: x\r\n" + key(besieged) + b"\r\n"
    wrong = HEAD + key(besieged) + b"content-length: 1\r\n\r\n{"
    last = HEAD + key(besieged) + b"connection: close\r\n" + WHOLE
    answers = besieged.say(heartbeat * 20 + wrong + heartbeat + last)
    right(besieged, answers)
    assert [answer.status for answer in answers] == [200] * 20 + [400, 200, 200]


def test_halves_of_requests_leave_nothing_behind(besieged: Besieged) -> None:
    whole = HEAD + key(besieged) + WHOLE

    @examples(40)
    @given(st.integers(0, len(whole) - 1))
    def holds(length: int) -> None:
        right(besieged, besieged.say(whole[:length], half_close=True))

    holds()


def test_many_who_send_slowly_hold_nobody_up(besieged: Besieged) -> None:
    begun = HEAD + key(besieged) + b"content-length: 1000\r\n\r\n"
    parts = [b"", b"POST", HEAD, begun, begun + QUESTION, HEAD + key(besieged) + CHUNKED + b"5\r\nhe"]
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", besieged.running.port))) for _ in range(300)]
        for number, connection in enumerate(slow):
            connection.sendall(parts[number % len(parts)])
        assert besieged.send("POST", "/search/", QUESTION).status == 200


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
@pytest.mark.parametrize("path", ["/search/", "/api/v1/database/create", f"{DATABASE}/collections"])
def test_a_gigantic_body_is_refused_early(besieged: Besieged, path: str, announced: bool) -> None:
    head = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" % path.encode() + key(besieged)
    block = b'"' + b"x" * 0xFFFF
    count = 64 * LIMITS["max_body_bytes"] // len(block)
    if announced:
        parts = [head + b"content-length: %d\r\n\r\n" % (count * len(block)), *[block] * count]
    else:
        parts = [head + CHUNKED, *[b"%x\r\n%s\r\n" % (len(block), block)] * count]
    answers = besieged.say(*parts, half_close=True)
    right(besieged, answers)
    assert [answer.status for answer in answers] in ([413], [])  # hung up on while it still sends, or read


def test_bodies_as_large_as_allowed_of_every_shape_are_judged(besieged: Besieged) -> None:
    most = LIMITS["max_body_bytes"] - 1000
    shapes = {
        "brackets": b"[" * most,
        "members": b'{"ids": [' + b'"a",' * (most // 4) + b'"a"]}',
        "numbers": b'{"ids": ["a"], "embeddings": [[' + b"1," * (most // 2) + b"1]]}",
        "digits": b'{"ids": ["a"], "embeddings": [[' + b"1" * most + b"]]}",
        "escapes": b'{"ids": ["' + b"\\u0000" * (most // 6) + b'"], "embeddings": [[1]]}',
        "where": b'{"where": ' + b'{"$and": [' * (most // 20) + b"]}" * (most // 20) + b"}",
        "a wide where": b'{"where": {"$or": [' + b'{"n": 1},' * (most // 10) + b'{"n": 2}]}}',
        "many values": b'{"where": {"n": {"$in": [' + b"1," * (most // 2) + b"1]}}}",
        "text": json.dumps({"query": "word " * (most // 5)}).encode(),
    }
    made = besieged.send("POST", f"{DATABASE}/collections", b'{"name": "large-bodies"}').json["id"]
    verbs = ("add", "upsert", "update", "delete", "get", "query")
    for path in (*(f"{DATABASE}/collections/{made}/{verb}" for verb in verbs), "/search/", "/embed/", "/add"):
        for shape in shapes.values():
            besieged.send("POST", path, shape)
    besieged.send("DELETE", f"{DATABASE}/collections/large-bodies")
