"""Keys and limits that are pushed ahead of the files that will hold them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.instances import Running, wait_until

from vectorstore_instance.core.keys import digest

Start = Callable[..., Running]


@pytest.fixture
def store(start: Start, tmp_path: Path) -> Running:
    (tmp_path / "limits.json").write_text(json.dumps({"generation": 2, "max_documents": 5}))
    return start(LIMITS_FILE=str(tmp_path / "limits.json"), MODEL_NAME="none", DIMENSION="3")


def ask(running: Running, method: str, body: object = None, key: str = "admin") -> httpx.Response:
    headers = {"authorization": f"Bearer {running.key(key)}"}
    return httpx.request(method, f"{running.management_url}/admin/reload", headers=headers, json=body)


def status(running: Running, key: str) -> int:
    return httpx.get(f"{running.url}/api/v2/auth/identity", headers={"x-chroma-token": key}).status_code


def pushed(generation: int, *keys: str) -> dict[str, Any]:
    return {"keys": {"generation": generation, "digests": {"read-write": [digest(key) for key in keys]}}}


def test_what_is_pushed_counts_at_once_and_until_the_files_show_it(store: Running, tmp_path: Path) -> None:
    revoked = store.key()
    assert ask(store, "GET").json() == {
        "keys": {"generation": 0, "from": "files"},
        "limits": {"generation": 2, "from": "files"},
    }
    told = ask(store, "POST", {**pushed(7, "new"), "limits": {"generation": 3, "max_documents": 9}})
    assert (told.status_code, told.json()) == (
        200,
        {"keys": {"generation": 7, "from": "push"}, "limits": {"generation": 3, "from": "push"}},
    )
    assert [status(store, key) for key in (revoked, "new", store.key("read-only"))] == [401, 200, 200]
    limit = httpx.get(f"{store.url}/stats", headers={"x-chroma-token": "new"}).json()["limit"]
    assert limit == 9
    assert ask(store, "POST", pushed(7, "new")).status_code == 200, "sent twice"

    (store.folder / "keys" / "read-write").write_text("from the files")
    (store.folder / "keys" / "generation").write_text("7")
    (tmp_path / "limits.json").write_text(json.dumps({"generation": 3, "max_documents": 8}))
    wait_until(lambda: [each["from"] for each in ask(store, "GET").json().values()] == ["files", "files"])
    assert [status(store, key) for key in ("new", "from the files")] == [401, 200]


@pytest.mark.parametrize("generation", [3, 4])
def test_nothing_older_is_taken_and_nothing_in_part(store: Running, generation: int) -> None:
    assert ask(store, "POST", pushed(4, "new")).status_code == 200
    refused = ask(store, "POST", {**pushed(generation, "newer"), "limits": {"generation": 9}})
    assert refused.status_code == 409
    assert f"keys.generation: {generation} is pushed, and 4 is in force" in refused.json()["message"]
    refused = ask(store, "POST", {**pushed(5, "newer"), "limits": {"generation": 1}})
    assert (refused.status_code, "limits.generation" in refused.json()["message"]) == (409, True)
    assert ask(store, "GET").json() == {
        "keys": {"generation": 4, "from": "push"},
        "limits": {"generation": 2, "from": "files"},
    }
    assert status(store, "newer") == 401


def test_a_restart_reads_the_files(store: Running) -> None:
    ask(store, "POST", pushed(7, "new")).raise_for_status()
    store.end()
    store.restart()
    assert [status(store, key) for key in (store.key(), "new")] == [200, 401]


def test_the_admin_key_alone_may_push(store: Running) -> None:
    for method in ("GET", "POST"):
        for key in ("read-write", "read-only", "internal"):
            assert ask(store, method, pushed(7, "new"), key).status_code == 401
    assert httpx.post(f"{store.url}/admin/reload", headers={"x-chroma-token": store.key()}, json={}).status_code == 404
    assert ask(store, "GET").json()["keys"] == {"generation": 0, "from": "files"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "keys, limits: neither is there"),
        ([], "Expected `object`"),
        ({"keys": {"digests": {}}}, "generation"),
        ({"keys": {"generation": 0, "digests": {}}}, "$.keys.generation"),
        ({"keys": {"generation": 1, "digests": {"read-write": ["a-plain-key"]}}}, "$.keys.digests"),
        ({"keys": {"generation": 1, "digests": {"owner": []}}}, "owner"),
        ({"keys": {"generation": 1, "digests": {"read-write": [], "read-only": []}}}, "no key would be left"),
        ({"keys": {"generation": 1, "digests": {"admin": []}}}, "none would be left to push with"),
        ({"limits": {"generation": 9, "max_documents": -1}}, "limits.max_documents"),
        ({"limits": {"generation": 9, "documents": 1}}, "limits.documents"),
        ({"else": 1}, "else"),
    ],
)
def test_a_wrong_push_is_refused_with_its_field(reloaded: Running, body: object, words: str) -> None:
    refused = ask(reloaded, "POST", body)
    assert refused.status_code == 422
    assert words in refused.json()["message"]
    assert "a-plain-key" not in refused.text
    assert status(reloaded, reloaded.key()) == 200


@pytest.fixture(scope="module")
def reloaded(_sessions: Start) -> Running:
    return _sessions(MODEL_NAME="none", DIMENSION="3")


def test_a_body_that_is_no_json_or_too_large_is_refused(reloaded: Running) -> None:
    headers = {"authorization": f"Bearer {reloaded.key('admin')}"}
    deep = b'{"limits": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    no_text = b'{"keys": {"generation": 1, "digests": {"admin": ["\xff"]}}}'
    for content, expected in ((b"{", 400), (deep, 400), (no_text, 400), (b"x" * 2_000_000, 413)):
        refused = httpx.post(f"{reloaded.management_url}/admin/reload", headers=headers, content=content)
        assert (refused.status_code, "message" in refused.json()) == (expected, True)
