"""Keys and tokens leave no trace: not in the log at its most talkative, not in the audit log, not in answers."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

import httpx
import pytest
from tests.support.instances import Running, wait_until
from tests.support.issuer import AUDIENCE, Issuer, served

Start = Callable[..., Running]
PATHS = [
    ("GET", "/healthz/"),
    ("GET", "/stats"),
    ("POST", "/collections/create"),
    ("POST", "/search/"),
    ("GET", "/no-such-route"),
    ("GET", "/api/v2/auth/identity"),
    ("GET", "/api/v2/tenants/default_tenant/databases/default_database/collections"),
    ("POST", "/api/v2/tenants/default_tenant/databases/default_database/collections/x/query"),
    ("POST", "/api/v2/tenants/default_tenant/databases/default_database/collections/x/add"),
]
TALKATIVE = """
import logging
from vectorstore_instance.core import logs
from vectorstore_instance.main import main
configure = logs.configure
def everything(form):
    configure(form)
    logging.getLogger().setLevel(1)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "aiohttp.client"):
        logging.getLogger(name).setLevel(1)
logs.configure = everything
main()
"""


def test_no_key_and_no_token_is_ever_written(start: Start) -> None:
    with served(Issuer()) as issuer:
        running = start(
            arguments=("-c", TALKATIVE), JWT_ISSUER=issuer.url, JWT_AUDIENCE=AUDIENCE, MODEL_NAME="none", DIMENSION="3"
        )
        good = [running.key(name) for name in ("read-write", "read-only")]
        bad = [running.key("admin"), secrets.token_urlsafe(32)]
        tokens = [issuer.token(), issuer.token(scope="vectorstore.read"), issuer.token(exp=1), issuer.token(aud="x")]
        foreign = Issuer()
        foreign.url = issuer.url
        tokens += [foreign.token(), secrets.token_urlsafe(16) + ".e30." + secrets.token_urlsafe(16)]
        told = [_tell(running, key) for key in (*good, *bad, *tokens)]
        statuses = [status for each in told for status, _ in each]
        running.end()

    assert {200, 401, 403, 404} <= set(statuses)
    written = running.log
    assert written.count("\n") > 20, "a log that says nothing proves nothing"
    assert "vectorstore_instance.audit" in written
    answers = "".join(text for each in told for _, text in each)
    for secret in (*good, *bad, *tokens, running.key("internal")):
        for part in (secret, *secret.split("."), _basic(secret)):
            if len(part) > 8:
                assert part not in written
                assert part not in answers


def _basic(key: str) -> str:
    return base64.b64encode(f"user:{key}".encode()).decode()


def _tell(running: Running, key: str) -> list[tuple[int, str]]:
    """Asks for everything in every way a key may come; returns statuses, and all headers and bodies."""
    ways = [{"authorization": f"Bearer {key}"}, {"x-chroma-token": key}, {"authorization": f"Basic {_basic(key)}"}]
    answers = []
    with httpx.Client(base_url=running.url) as http:
        for headers in ways:
            for method, path in PATHS:
                body = {"name": "documents"} if path.endswith("create") else {}
                answer = http.request(method, path, headers=headers, json=body if method == "POST" else None)
                answers.append((answer.status_code, f"{answer.headers} {answer.text}"))
    for path in ("/admin/usage", "/admin/reload"):
        for method in ("GET", "POST"):
            answer = httpx.request(method, f"{running.management_url}{path}", headers=ways[0], content=key)
            answers.append((answer.status_code, f"{answer.headers} {answer.text}"))
    return answers


def test_a_revoked_key_is_refused_and_others_are_told_apart_in_the_audit_log(start: Start) -> None:
    running = start({"read-write": "old\nnew"}, MODEL_NAME="none", DIMENSION="3")
    path = f"{running.url}/api/v2/tenants/default_tenant/databases/default_database/collections"

    def status(key: str) -> int:
        return httpx.get(path, headers={"x-chroma-token": key}).status_code

    assert [status(key) for key in ("old", "new", "other")] == [200, 200, 401]
    (running.folder / "keys" / "read-write").write_text("new\n")
    wait_until(lambda: status("old") == 401, seconds=5)
    assert status("new") == 200
    httpx.post(path, headers={"x-chroma-token": "new"}, json={"name": "made"}).raise_for_status()
    httpx.post(path, headers={"x-chroma-token": running.key("read-only")}, json={"name": "refused"})
    running.end()
    written = [line for line in running.log.splitlines() if "vectorstore_instance.audit" in line and path[-12:] in line]
    assert any("read-write:11507a0e" in line for line in written), written
    assert any("read-only:" in line and "403" in line for line in written), written


@pytest.mark.parametrize("name", ["read-write", "generation"])
def test_a_wrong_key_file_is_told_without_its_content(start: Start, name: str) -> None:
    running = start(MODEL_NAME="none", DIMENSION="3")
    (running.folder / "keys" / name).write_bytes(b"secret-words \xff")

    def status(key: str) -> int:
        return httpx.get(f"{running.url}/stats", headers={"x-chroma-token": key}).status_code

    wait_until(lambda: status("secret-words") == 401 and "KEYS_DIR" in running.log, seconds=5)
    assert status(running.key("read-only")) == 200
    assert "secret-words" not in running.log
