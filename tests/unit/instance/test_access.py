"""Keys and access: who may do what, told apart by pure rules."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from vectorstore_instance.core import watched
from vectorstore_instance.core.access import authenticate, authorize
from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.core.exchange import Caller, Exchange
from vectorstore_instance.core.keys import Keyring, Keys, digest
from vectorstore_instance.core.roles import Role
from vectorstore_instance.core.watched import Outdated

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


def test_a_key_is_named_by_its_role_and_the_beginning_of_its_digest(keys: Keys) -> None:
    assert keys.caller(b"one") == Caller(Role.READ_WRITE, "read-write:" + digest("one")[7:15])


@pytest.mark.parametrize("role", ["admin", "internal"])
def test_a_folder_without_keys_for_tenants_is_refused_with_the_remedy(tmp_path: Path, role: str) -> None:
    (tmp_path / role).write_text("only")
    with pytest.raises(ValueError, match=r"KEYS_DIR: .* has no key in read-write or read-only; write one"):
        Keys(tmp_path)


@pytest.mark.parametrize(
    "text", [digest("two").replace("sha256:", "sha256: "), digest("two")[:-1], f"sha256:{'AB' * 32}"]
)
def test_a_mistyped_digest_is_refused_and_not_taken_for_a_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "read-write").write_text(f"one\n{text}\n")
    with pytest.raises(ValueError, match=r"KEYS_DIR: .*read-write: sha256: must be followed by 64") as refused:
        Keys(tmp_path)
    assert text[10:] not in str(refused.value)


@pytest.mark.parametrize("text", ["seven", "-1", "1.5", "1\n2"])
def test_a_generation_that_is_no_number_is_refused(keys: Keys, tmp_path: Path, text: str) -> None:
    (tmp_path / "generation").write_text(text)
    with pytest.raises(ValueError, match=r"KEYS_DIR: .*generation must hold one number"):
        Keys(tmp_path)


@pytest.mark.parametrize("path", ["/backup", "/backup/", "/backup/asked-1", "/restore", "/restore/asked-1"])
def test_backups_are_for_those_alone_who_may_change_the_whole_store(path: str) -> None:
    authorize(Exchange("GET", path, caller=Caller(Role.READ_WRITE, "it")))
    authorize(Exchange("POST", path, caller=Caller(Role.INTERNAL, "a follower")))
    with pytest.raises(ApiError, match="wants the read-write key") as refused:
        authorize(Exchange("GET", path, caller=Caller(Role.READ_ONLY, "it")))
    assert refused.value.status == 403
    with pytest.raises(ApiError, match="one database") as refused:
        authorize(Exchange("POST", path, caller=Caller(Role.READ_WRITE, "it", database="hers")))
    assert refused.value.status == 403
    authorize(Exchange("POST", "/backups", caller=Caller(Role.READ_WRITE, "it", database="hers")))


async def caller_of(keys: Keys, path: str = f"{P}/collections", **headers: str) -> Caller | None:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"method": "GET", "path": path, "headers": raw}
    return await authenticate(scope, keys)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_chroma_token": "one"},
        {"x_chroma_token": "Bearer one"},
        {"authorization": "Bearer one"},
        {"authorization": "bearer one"},
        {"authorization": "Basic " + base64.b64encode(b"any:one").decode()},
        {"authorization": "basic " + base64.b64encode(b":one").decode()},
    ],
)
async def test_a_key_may_come_in_each_of_the_ways_clients_send_it(keys: Keys, headers: dict[str, str]) -> None:
    caller = await caller_of(keys, **headers)
    assert caller is not None
    assert caller.role is Role.READ_WRITE


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic %%%"}, {"authorization": "Bearer"}, {"authorization": "one"}]
)
async def test_what_is_no_key_is_nobodys(keys: Keys, headers: dict[str, str]) -> None:
    assert await caller_of(keys, **headers) is None
    with pytest.raises(ApiError) as refusal:
        authorize(Exchange("GET", "/stats"))
    assert refusal.value.status == 401


@pytest.mark.parametrize("key", ["six", "four", "a.b.c"])
async def test_an_unknown_key_and_the_admins_open_nothing_of_the_tenants(keys: Keys, key: str) -> None:
    for path in (f"{P}/collections", "/healthz/"):
        with pytest.raises(ApiError) as refusal:
            await caller_of(keys, path, x_chroma_token=key)
        assert refusal.value.status == 401
        assert key not in refusal.value.message


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
def test_who_may_only_read_reads_and_no_more(method: str, path: str, allowed: bool) -> None:
    exchange = Exchange(method, path)
    for role in (Role.READ_WRITE, Role.INTERNAL):
        exchange.caller = Caller(role, role)
        authorize(exchange)
    exchange.caller = Caller(Role.READ_ONLY, "reader")
    if allowed:
        authorize(exchange)
    else:
        with pytest.raises(ApiError) as refusal:
            authorize(exchange)
        assert refusal.value.status == 403


@pytest.mark.parametrize("path", ["/", "/healthz", "/healthz/", "/docs", "/docs/swagger-ui.css", "/openapi.json"])
def test_open_paths_need_no_key(path: str) -> None:
    authorize(Exchange("GET", path))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at with every use."""
    monkeypatch.setattr(watched, "INTERVAL", 0.0)


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        new = folder / ".new"
        new.write_text(text)
        os.replace(new, folder / name.replace("_", "-"))


@pytest.mark.usefixtures("looked")
def test_keys_come_and_go_with_their_lines(tmp_path: Path) -> None:
    write(tmp_path, read_write="old")
    keys = Keys(tmp_path)
    write(tmp_path, read_write="old\nnew\nnewer")
    assert [keys.role(key) for key in ("old", "new", "newer")] == [Role.READ_WRITE] * 3
    write(tmp_path, read_write="newer")
    assert [keys.role(key) for key in ("old", "new", "newer")] == [None, None, Role.READ_WRITE]
    write(tmp_path, read_write="")
    assert keys.role("newer") is Role.READ_WRITE, "a folder without keys is a mistake, not a revocation of all"


@pytest.mark.usefixtures("looked")
def test_pushed_keys_hold_until_the_files_have_caught_up(tmp_path: Path) -> None:
    write(tmp_path, read_write="first", generation="3")
    keys = Keys(tmp_path)
    pushed = Keyring(5, {Role.READ_WRITE: frozenset([digest("pushed")])})
    keys.editions.push(pushed)
    keys.editions.push(pushed)
    assert (keys.role("pushed"), keys.role("first")) == (Role.READ_WRITE, None)

    write(tmp_path, read_write="first\nbetween", generation="4")
    assert (keys.role("between"), keys.editions.pushed) == (None, True)

    write(tmp_path, read_write="files", generation="5")
    assert (keys.role("files"), keys.role("pushed"), keys.editions.pushed) == (Role.READ_WRITE, None, False)

    for generation in (4, 5):
        with pytest.raises(Outdated, match=f"generation: {generation} is pushed, and 5 is in force"):
            keys.editions.push(Keyring(generation, pushed.digests))


@pytest.mark.usefixtures("looked")
def test_files_without_a_generation_are_read_in_any_order(tmp_path: Path) -> None:
    write(tmp_path, read_write="first", generation="3")
    keys = Keys(tmp_path)
    write(tmp_path, generation="2", read_write="second")
    assert keys.role("second") is Role.READ_WRITE
