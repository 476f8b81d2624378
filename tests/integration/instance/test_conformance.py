"""The same requests to Chroma's own server and to an instance; every difference is a known one."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.chroma import chroma_run
from tests.support.conformance.differences import DIFFERENCES, HANGS_UP, table
from tests.support.conformance.steps import STEPS, Step
from tests.support.instances import Running

from vectorstore_instance.engine.route import Kind, route

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEADERS = ("content-type", "allow", "retry-after")
"""Those that mean something to a client; `chroma-trace-id`, which an instance always sends, is checked apart."""


@dataclass
class Server:
    """One of the two, and the ids it gave to what the steps name."""

    http: httpx.Client
    names: dict[str, str]

    def ask(self, step: Step) -> dict[str, Any]:
        """Status, headers and body of an answer, without what differs by chance."""
        body = step.body if isinstance(step.body, bytes | None) else json.dumps(step.body).encode()
        headers = step.headers or ({} if body is None else {"content-type": "application/json"})
        path = step.path.replace("{C}", "{D}/collections/{c}").replace("{S}", "{D}/collections/{scratch}")
        for name, value in (("D", "/api/v2/tenants/default_tenant/databases/default_database"), *self.names.items()):
            path = path.replace(f"{{{name}}}", value)
        try:
            answer = self.http.request(step.method, path, content=body, headers=headers)
        except httpx.RemoteProtocolError:
            return {"status": HANGS_UP}
        if step.save:
            self.names[step.save] = answer.json()["id"]
        told = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
        if "allow" in told:
            told["allow"] = ",".join(sorted(told["allow"].split(",")))
        return {"status": answer.status_code, "headers": told, "body": _normal(answer.text, path), "answer": answer}


def _normal(text: str, path: str) -> Any:
    text = _UUID.sub(lambda found: found[0] if set(found[0]) == {"0", "-"} else "<id>", text)
    # A body may have been written anew on its way, and Chroma tells what a rule says in any order.
    text = re.sub(r" at line \d+ column \d+|length \[\{.*?\}\]", "", text)
    try:
        body = json.loads(text)
    except ValueError:
        return text
    if isinstance(body, dict) and "nanosecond heartbeat" in body:
        return {"nanosecond heartbeat": "<time>"}
    if isinstance(body, list):  # of collections and databases, which Chroma lists by their random ids
        return sorted(json.dumps(item, sort_keys=True) for item in body) if "?" not in path else len(body)
    return body


@contextmanager
def _ours(folder: Path) -> Iterator[Server]:
    (folder / "keys").mkdir(parents=True)
    for name in ("read-write", "admin"):
        (folder / "keys" / name).write_text(secrets.token_urlsafe(32))
    running = Running(folder, {"MODEL_NAME": "none", "DIMENSION": "3", "ALLOW_RESET": "true"}).start()
    try:
        with running.http() as http:
            yield Server(http, {})
    finally:
        running.end()


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Step, dict[str, Any], dict[str, Any]]]:
    """Every step with Chroma's answer and ours."""
    folder = tmp_path_factory.mktemp("conformance")
    with (
        chroma_run(folder / "theirs", allow_reset=True) as url,
        httpx.Client(base_url=url, timeout=60) as http,
        _ours(folder / "ours") as ours,
    ):
        theirs = Server(http, {})
        return [(step, theirs.ask(step), ours.ask(step)) for step in STEPS]


def _told_apart(theirs: dict[str, Any], here: dict[str, Any]) -> bool:
    return any(theirs.get(part) != here.get(part) for part in ("status", "headers", "body"))


def test_answers_are_chromas_but_for_the_explained_differences(answers: list[Any]) -> None:
    unexplained = [
        f"{step}\n  chroma: {_told(theirs)}\n  here:   {_told(here)}"
        for step, theirs, here in answers
        if not step.differs and _told_apart(theirs, here)
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_explained_difference_is_one_and_as_explained(answers: list[Any]) -> None:
    seen: dict[str, tuple[set[int], set[int]]] = {name: (set(), set()) for name in DIFFERENCES}
    for step, theirs, here in answers:
        if step.differs:
            assert _told_apart(theirs, here), f"{step} is answered alike: {_told(here)}"
            seen[step.differs][0].add(theirs["status"])
            seen[step.differs][1].add(here["status"])
    assert seen == {name: (set(known.theirs), set(known.ours)) for name, known in DIFFERENCES.items()}


def test_no_answer_is_a_fault_or_without_a_trace_id(answers: list[Any]) -> None:
    for step, _, here in answers:
        assert here["status"] == 501 or 0 < here["status"] < 500, step
        assert re.fullmatch("[0-9a-f]{32}", here["answer"].headers["chroma-trace-id"]), step
        if here["status"] >= 400 and step.method != "HEAD":
            assert set(here["body"]) == {"error", "message"}, step


def test_every_route_of_chroma_is_known_and_asked(tmp_path: Path) -> None:
    with chroma_run(tmp_path) as url:
        paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    routes = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(routes) >= 35
    for method, path in routes:
        assert route(method, path.replace("{", "").replace("}", "")).kind is not Kind.UNKNOWN, (method, path)
        pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + r"(\?.*)?")
        asked = [s for s in STEPS if s.method == method and pattern.fullmatch(_filled(s.path))]
        assert asked, f"no step asks {method} {path}"


def test_the_documentation_shows_the_same_differences() -> None:
    page = (Path(__file__).parents[3] / "docs" / "chroma-api.md").read_text()
    assert table() in page, f"put this into docs/chroma-api.md:\n{table()}"
    assert f"the same {len(STEPS)} requests" in page
    assert f"the same {len(STEPS)} requests" in page


def _filled(path: str) -> str:
    database = "/api/v2/tenants/default_tenant/databases/default_database"
    for name in ("{C}", "{S}"):
        path = path.replace(name, f"{database}/collections/c")
    return path.replace("{D}", database)


def _told(answer: dict[str, Any]) -> str:
    return f"{answer['status']} {answer.get('headers', '')} {json.dumps(answer.get('body'))[:300]}"
