"""Limits, routes and settings: told apart by pure rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.core.limits import open_limits
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.route import Kind, route
from vectorstore_instance.settings import Settings

P = "/api/v2/tenants/t/databases/d"


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


@pytest.mark.parametrize(
    "part", ["files.example.com", "https://", "ftp://host/", "https://[bad/", "https://host:99999/"]
)
def test_a_site_that_nothing_could_be_fetched_from_is_refused(part: str) -> None:
    assert Settings(document_urls="presigned, https://host/public/,").document_urls
    with pytest.raises(ValidationError, match="must be `presigned` or begin an https:// or http:// URL"):
        Settings(document_urls=f"presigned,{part}")


def test_limits_without_a_file_are_the_start_values() -> None:
    assert open_limits(Settings(max_docs=7, plan="p")).current.max_documents == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Invalid JSON"),
        ('{"max_documents": -1}', "max_documents"),
        ('{"maxdocuments": 1}', "maxdocuments"),
        ('{"requests_per_second": 1e999}', "requests_per_second: .*less than or equal to 1000000, not inf"),
        ('{"requests_per_second": 1e-320}', "requests_per_second: .*greater than or equal to 0.001"),
        (f'{{"burst": 1{"0" * 400}}}', "burst: .*less than or equal to 1000000"),
    ],
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
