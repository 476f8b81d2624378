"""Keys, access, limits, routes and settings: who may do what, told apart by pure rules."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vectorstore_instance.core.access import authorize
from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.core.keys import Keys, Role, digest
from vectorstore_instance.core.limits import open_limits
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.route import Kind, route
from vectorstore_instance.settings import Settings

P = "/api/v2/tenants/t/databases/d"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    (tmp_path / "read-write").write_text(f"one\n\n{digest('two')}\n")
    (tmp_path / "read-only").write_text("three")
    (tmp_path / "admin").write_text("four")
    (tmp_path / "internal").write_text("five")
    return Keys(tmp_path)


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("one", Role.READ_WRITE),
        ("two", Role.READ_WRITE),
        ("three", Role.READ_ONLY),
        ("four", Role.ADMIN),
        ("five", Role.INTERNAL),
        ("six", None),
        ("", None),
        (digest("two"), None),
    ],
)
def test_a_key_has_the_role_of_its_file(keys: Keys, key: str, role: Role | None) -> None:
    assert keys.role(key) is role


def test_a_folder_without_keys_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "admin").write_text("only")
    with pytest.raises(ValueError, match=r"KEYS_DIR: .* has no key in read-write or read-only; write one"):
        Keys(tmp_path)


def request(method: str, path: str, **headers: str) -> dict[str, Any]:
    return {
        "method": method,
        "path": path,
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"x_chroma_token": "one"},
        {"x_chroma_token": "Bearer one"},
        {"authorization": "Bearer one"},
        {"authorization": "bearer one"},
        {"authorization": "Basic " + base64.b64encode(b"any:one").decode()},
    ],
)
def test_a_key_may_come_in_each_of_the_ways_clients_send_it(keys: Keys, headers: dict[str, str]) -> None:
    assert authorize(request("POST", f"{P}/collections", **headers), keys) is Role.READ_WRITE


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic %%%"}, {"authorization": "Bearer"}, {"authorization": "one"}]
)
def test_what_is_no_key_is_refused(keys: Keys, headers: dict[str, str]) -> None:
    with pytest.raises(ApiError) as refusal:
        authorize(request("GET", "/stats", **headers), keys)
    assert refusal.value.status == 401


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", f"{P}/collections", True),
        ("POST", f"{P}/collections/c/query", True),
        ("POST", f"{P}/collections/c/get", True),
        ("POST", f"{P}/collections/c/search", True),
        ("POST", "/search/", True),
        ("POST", "/search", True),
        ("POST", "/query", True),
        ("POST", "/collections/c/query", True),
        ("GET", "/healthz/", True),
        ("POST", f"{P}/collections", False),
        ("POST", f"{P}/collections/c/add", False),
        ("POST", f"{P}/collections/c/delete", False),
        ("PUT", f"{P}/collections/c", False),
        ("DELETE", f"{P}/collections/get", False),
        ("POST", "/embed/", False),
        ("POST", "/add", False),
        ("POST", "/delete/", False),
        ("POST", "/api/v2/reset", False),
        ("PATCH", "/api/v2/tenants/query", False),
    ],
)
def test_a_read_only_key_reads_and_no_more(keys: Keys, method: str, path: str, allowed: bool) -> None:
    scope = request(method, path, x_chroma_token="three")
    if allowed:
        assert authorize(scope, keys) is Role.READ_ONLY
    else:
        with pytest.raises(ApiError) as refusal:
            authorize(scope, keys)
        assert refusal.value.status == 403


@pytest.mark.parametrize("path", ["/", "/healthz", "/healthz/", "/docs", "/docs/swagger-ui.css", "/openapi.json"])
def test_open_paths_need_no_key_and_refuse_a_wrong_one(keys: Keys, path: str) -> None:
    assert authorize(request("GET", path), keys) is None
    with pytest.raises(ApiError):
        authorize(request("GET", path, x_chroma_token="six"), keys)


def test_the_admin_key_opens_nothing_of_the_tenants(keys: Keys) -> None:
    with pytest.raises(ApiError):
        authorize(request("GET", f"{P}/collections", x_chroma_token="four"), keys)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"{P}/collections", (Kind.READ, "", "")),
        ("POST", f"{P}/collections", (Kind.MAKE, "", "")),
        ("POST", f"{P}/collections/c/query", (Kind.QUERY, "c", "query")),
        ("POST", f"{P}/collections/c/query?limit=1", (Kind.QUERY, "c", "query")),
        ("POST", f"{P}/collections/c/get", (Kind.READ, "c", "get")),
        ("POST", f"{P}/collections/c/upsert", (Kind.ROWS, "c", "upsert")),
        ("POST", f"{P}/collections/c/delete", (Kind.DELETE, "c", "delete")),
        ("PUT", f"{P}/collections/c", (Kind.MODIFY, "c", "")),
        ("DELETE", f"{P}/collections/c", (Kind.DROP, "", "")),
        ("POST", "/api/v2/reset", (Kind.DROP, "", "")),
        ("POST", f"{P}/collections/c/fork", (Kind.LACKING, "c", "fork")),
        ("GET", f"{P}/collections/by-id/c", (Kind.READ, "", "")),
        ("GET", f"{P}/collections/c/indexing_status", (Kind.INDEXING, "c", "indexing")),
        ("POST", f"{P}/collections/c%2Fquery", (Kind.UNKNOWN, "", "")),
        ("GET", "/api/v2/nothing", (Kind.UNKNOWN, "", "")),
    ],
)
def test_requests_are_told_apart(method: str, path: str, expected: tuple[Kind, str, str]) -> None:
    found = route(method, path)
    assert (found.kind, found.collection, found.verb, found.path) == (*expected, path)


@pytest.mark.parametrize(
    "spelling",
    [
        "0B5F3C9E-6A54-4E0C-9B1D-2F6B0C1D2E3F",
        "0b5f3c9e6a544e0c9b1d2f6b0c1d2e3f",
        "urn:uuid:0b5f3c9e-6a54-4e0c-9b1d-2f6b0c1d2e3f",
        "%7B0b5f3c9e-6a54-4e0c-9b1d-2f6b0c1d2e3f%7D",
        "%30b5f3c9e-6a54-4e0c-9b1d-2f6b0c1d2e3f",
    ],
)
def test_a_collection_has_one_name_however_its_id_is_spelt(spelling: str) -> None:
    id_ = "0b5f3c9e-6a54-4e0c-9b1d-2f6b0c1d2e3f"
    for method, rest, kind in (("POST", "/add?x=1", Kind.ROWS), ("PUT", "", Kind.MODIFY)):
        found = route(method, f"{P}/collections/{spelling}{rest}")
        assert (found.kind, found.collection, found.path) == (kind, id_, f"{P}/collections/{id_}{rest}")


def test_settings_come_back_from_the_environment_they_are_rendered_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from vectorstore_instance.settings import load

    settings = Settings(tenant_id="acme", allow_reset=True, limits_file=Path("/etc/limits.json"), port=8080)
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    assert load() == settings


def test_settings_do_not_read_the_environment_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    assert Settings().port == 8000


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="DIMENSION: 3 does not fit"):
        Settings(dimension=3)
    with pytest.raises(ValidationError, match="LEADER_URL"):
        Settings(pod_index=1)


def test_limits_without_a_file_are_the_start_values() -> None:
    assert open_limits(Settings(max_docs=7, plan="p")).current.max_documents == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "Invalid JSON"), ('{"max_documents": -1}', "max_documents"), ('{"maxdocuments": 1}', "maxdocuments")],
)
def test_a_wrong_limits_file_is_named_with_its_field(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "limits.json").write_text(text)
    with pytest.raises(ValueError, match=words):
        open_limits(Settings(limits_file=tmp_path / "limits.json"))


def test_an_error_of_the_engine_keeps_its_class_and_status() -> None:
    with pytest.raises(ApiError) as error:
        Reply(404, b'{"error":"NotFoundError","message":"no such thing"}').unwrap()
    assert (error.value.status, error.value.error, error.value.message) == (404, "NotFoundError", "no such thing")
    with pytest.raises(ApiError, match="answered 502"):
        Reply(502, b"<html>").unwrap()
