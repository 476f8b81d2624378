"""Paths, queries and headers that nobody should send."""

# ruff: noqa: RUF005 (two lists are easier to read than one of forty lines)
from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from tests.integration.fuzz.conftest import examples
from tests.support.besieged import DATABASE, Besieged

ESCAPES = st.sampled_from(
    [
        "%00",
        "%0a",
        "%2F",
        "%2f..%2f",
        "%25",
        "%",
        "%zz",
        "%c3%28",
        "%ED%A0%80",
        "%F0%9F%A6%80",
        "%u1234",
        "..",
        ".",
        "~",
    ]
    + [
        ";",
        "@",
        ":",
        "+",
        "*",
        "$",
        "a%20b",
        "a" * 600,
        "00000000-0000-0000-0000-000000000000",
        "{}",
        "[",
        "|",
        "\\",
        "^",
        "`",
    ]
)
SEGMENTS = st.lists(ESCAPES | st.text("abc-_.%20", min_size=1, max_size=5), max_size=3).map("".join)
VERBS = st.sampled_from(
    ["query", "get", "add", "count", "delete", "indexing_status", "search", "fork", "functions/x", "%71uery", ""]
)
ROUTES = (
    st.lists(SEGMENTS, max_size=6).map(lambda parts: "/" + "/".join(parts))
    | st.tuples(SEGMENTS, SEGMENTS, SEGMENTS, VERBS).map(
        lambda p: f"/api/v2/tenants/{p[0]}/databases/{p[1]}/collections/{p[2]}/{p[3]}"
    )
    | st.tuples(SEGMENTS, VERBS).map(lambda p: f"{DATABASE}/collections/{p[0]}/{p[1]}")
    | SEGMENTS.map(lambda part: f"{DATABASE}/collections/{part}")
    | SEGMENTS.map(lambda part: f"/collections/{part}/query")
    | SEGMENTS.map(lambda part: f"/api/v1/database/{part}/status")
    | SEGMENTS.map(lambda part: f"/api/v2/tenants/{part}")
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["limit", "offset", "read_level", "chunk", "truncate", "a", ""]),
        st.sampled_from(
            ["", "-1", "1", "x", "99999999999999999999", "1e3", "%00", "true", "%F0%9F%A6%80", "&", "=", "1.5"]
        ),
    ).map("=".join),
    max_size=3,
).map("&".join)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "BREW"])
HEADERS = st.dictionaries(
    st.sampled_from(
        ["traceparent", "chroma-trace-id", "content-type", "authorization", "x-chroma-token", "origin", "expect"]
    )
    | st.sampled_from(
        ["accept-encoding", "range", "if-none-match", "content-encoding", "host", "cookie", "x-forwarded-for"]
    ),
    st.sampled_from(
        [
            "",
            "x",
            "Bearer",
            "Bearer  ",
            "Basic !!!",
            "Basic Og==",
            "Basic /w==",
            "Bearer a.b.c",
            "00-0-0-00",
            "é",
            "100-continue",
        ]
    )
    | st.sampled_from(
        ["application/json; charset=utf-16", "gzip", "multipart/form-data", "text/plain", "bytes=0-", "*", "x" * 5000]
    ),
    max_size=2,
)


def test_paths(besieged: Besieged) -> None:
    @examples(100)
    @given(METHODS, ROUTES, QUERIES, st.sampled_from([b"{}", b"", b'{"name": "abc"}', b"[]"]))
    def holds(method: str, path: str, query: str, body: bytes) -> None:
        if path == "/api/v2/tenants/default_tenant" or re.search("/databases/default_database/?$", path):
            return
        besieged.send(method, f"{path}?{query}" if query else path, body)

    holds()


def test_a_path_that_the_engine_cannot_read_is_refused_in_words(besieged: Besieged) -> None:
    refused = besieged.send("GET", f"{DATABASE}/collections/`")
    assert refused.status == 400
    assert "percent-encoded" in refused.json["message"]


def test_headers(besieged: Besieged) -> None:
    question = json.dumps({"query": "hello"}).encode()

    @examples(60)
    @given(HEADERS, st.sampled_from(["/search/", f"{DATABASE}/collections", "/healthz/", "/api/v1/database/create"]))
    def holds(headers: dict[str, str], path: str) -> None:
        encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
        besieged.send("POST" if path != "/healthz/" else "GET", path, question, **encoded)

    holds()
