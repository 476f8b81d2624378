"""Which web pages may call a store."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from tests.support.instances import Running

from vectorstore_instance.api.cors import origins

Start = Callable[..., Running]
ORIGIN = "https://app.example.org"
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


@pytest.fixture(scope="module")
def store(_sessions: Start) -> Running:
    return _sessions(CORS_ORIGINS=f"{ORIGIN}, http://localhost:3000", MODEL_NAME="none", DIMENSION="3")


def preflight(running: Running, origin: str, path: str = COLLECTIONS) -> httpx.Response:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-chroma-token",
    }
    return httpx.options(f"{running.url}{path}", headers=asked)


@pytest.mark.parametrize("path", [COLLECTIONS, "/search/", "/no-such-route"])
@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000"])
def test_a_browser_may_ask_first_without_a_key(store: Running, origin: str, path: str) -> None:
    answer = preflight(store, origin, path)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type,x-chroma-token"
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://elsewhere.org", "null", f"{ORIGIN}.evil.org", "http://app.example.org"])
def test_pages_of_other_origins_are_refused(store: Running, origin: str) -> None:
    refused = preflight(store, origin)
    assert (refused.status_code, refused.json()["error"]) == (403, "AuthError")
    with store.http() as http:
        answer = http.get("/stats", headers={"origin": origin})
    assert answer.status_code == 200
    for each in (refused, answer):
        assert "access-control-allow-origin" not in each.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/stats", 200),
        ("GET", COLLECTIONS, 200),
        ("GET", f"{COLLECTIONS}/none", 404),
        ("POST", "/collections/create", 422),
        ("GET", "/no-such-route", 404),
    ],
)
def test_a_page_may_read_answers_and_errors(store: Running, method: str, path: str, status: int) -> None:
    with store.http() as http:
        answer = http.request(method, path, headers={"origin": ORIGIN}, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "chroma-trace-id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


def test_a_page_learns_that_its_key_is_wrong(store: Running) -> None:
    refused = httpx.get(f"{store.url}/stats", headers={"origin": ORIGIN})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)


def test_answers_to_others_vary_too(store: Running) -> None:
    with store.http() as http:
        assert http.get("/stats").headers["vary"] == "Origin"


def test_every_page_may_call_where_that_is_set(start: Start) -> None:
    running = start(CORS_ORIGINS="*", MODEL_NAME="none", DIMENSION="3")
    assert preflight(running, "https://anywhere.org").headers["access-control-allow-origin"] == "*"
    with running.http() as http:
        assert http.get("/stats", headers={"origin": ORIGIN}).headers["access-control-allow-origin"] == "*"


def test_no_page_may_call_by_default(vectors_only: Running) -> None:
    refused = preflight(vectors_only, ORIGIN)
    assert refused.status_code == 401
    with vectors_only.http() as http:
        answer = http.get("/stats", headers={"origin": ORIGIN})
    for each in (refused, answer):
        assert not [name for name in each.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "listed",
    [
        "app.example.org",
        "https://app.example.org/",
        "https://app.example.org/page",
        "https://App.example.org",
        "https://app.example.org:443",
        "http://localhost:80",
        "https://*.example.org",
        "*, https://app.example.org",
        "null",
        "ftp://app.example.org",
    ],
)
def test_what_is_no_origin_is_refused_at_the_start(listed: str) -> None:
    with pytest.raises(ValueError, match=r"CORS_ORIGINS: .* is not an origin as browsers send it"):
        origins(listed)


def test_a_wrong_origin_is_named_and_leaves_no_stack_trace(start: Start) -> None:
    with pytest.raises(AssertionError) as failed:
        start(CORS_ORIGINS="app.example.org", MODEL_NAME="none", DIMENSION="3")
    assert "CORS_ORIGINS: 'app.example.org'" in str(failed.value)
    assert "Traceback" not in str(failed.value)
