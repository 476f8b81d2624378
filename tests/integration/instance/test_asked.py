"""Backups and restores that a tenant asks for: safe before they are acknowledged, shown until they are told of."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.archives import admin, send, snapshot
from tests.support.instances import Running, wait_until

Start = Callable[..., Running]
ENVIRON = {"MODEL_NAME": "none", "DIMENSION": "3"}


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    """The limits of a plan that lets holders of keys ask."""
    path = tmp_path / "limits.json"
    path.write_text(json.dumps({"plan": "starter", "backups": True}))
    return path


@pytest.fixture
def store(start: Start, limits: Path) -> Running:
    return start(**ENVIRON, LIMITS_FILE=str(limits))


def asked(running: Running) -> list[dict[str, Any]]:
    """What whoever looks after the store learns of it."""
    with admin(running) as http:
        return list(http.get("/admin/usage").raise_for_status().json().get("asked", []))


def tell(running: Running, *backups: dict[str, Any], outcomes: tuple[dict[str, Any], ...] = ()) -> httpx.Response:
    with admin(running) as http:
        return http.post("/admin/backups", json={"backups": backups, "outcomes": outcomes})


def test_a_wish_survives_a_kill_and_is_shown_until_it_is_a_backup(store: Running) -> None:
    with store.http() as http:
        answer = http.post("/backup", json={"verify": True})
        assert answer.status_code == 202
        wish = answer.json()
        assert (wish["state"], answer.headers["location"]) == ("requested", f"/backup/{wish['id']}")
    store.end(signal.SIGKILL)
    store.restart()
    (shown,) = asked(store)
    assert shown == {"id": wish["id"], "verb": "backup", "asked": wish["asked"], "verify": True}
    assert tell(store, {"id": wish["id"], "state": "running", "asked": True}).json() == {"asked": []}
    assert asked(store) == []
    store.end(signal.SIGKILL)
    store.restart()
    with store.http() as http:
        assert http.get(f"/backup/{wish['id']}").json() == {"id": wish["id"], "state": "running"}
        assert [each["id"] for each in http.get("/backup").json()["backups"]] == [wish["id"]]


def test_one_is_open_at_a_time_and_the_next_may_come_when_it_has_ended(store: Running) -> None:
    with store.http() as http:
        first = http.post("/backup", json={}).json()["id"]
        again = http.post("/backup", json={})
        assert (again.status_code, again.headers["retry-after"]) == (409, "60")
        assert again.json()["message"].startswith(f"backup: {first} is requested, and one is carried out at a time")
        tell(store, {"id": first, "state": "verifying", "asked": True})
        assert http.post("/backup", json={}).status_code == 409, "a backup of the tenant's own is under way"
        tell(store, {"id": first, "state": "completed", "asked": True}, {"id": "nightly", "state": "running"})
        assert http.post("/backup", json={}).status_code == 202, "only the schedule's is"
        refused = http.get("/backup").json()["backups"][-1]["id"]
        tell(store, outcomes=({"id": refused, "state": "failed", "message": "no destination"},))
        assert http.get(f"/backup/{refused}").json()["message"] == "no destination"
        tell(store, *({"id": f"b{n}", "state": "completed", "asked": True} for n in range(32)))
        assert http.post("/backup", json={}).status_code == 429


def test_only_a_completed_backup_of_this_store_is_restored(store: Running) -> None:
    with store.http() as http:
        assert http.post("/restore", json={"backup": "nightly"}).status_code == 404
        assert http.post("/restore", json={"backup": "../nightly"}).status_code == 422
        tell(store, {"id": "nightly", "state": "running"})
        assert "nightly is running" in http.post("/restore", json={"backup": "nightly"}).json()["message"]
        tell(store, {"id": "nightly", "state": "completed"})
        wish = http.post("/restore", json={"backup": "nightly"}).json()
        assert [(each["verb"], each["backup"]) for each in asked(store)] == [("restore", "nightly")]
        restoring = {"id": wish["id"], "state": "restoring"}
        tell(store, {"id": "nightly", "state": "completed"}, outcomes=(restoring,))
        assert http.get(f"/restore/{wish['id']}").json()["state"] == "restoring"
        failed = {"id": wish["id"], "state": "failed", "message": "of another model"}
        tell(store, {"id": "nightly", "state": "completed"}, outcomes=(failed,))
        assert asked(store) == []
        assert http.get(f"/restore/{wish['id']}").json()["message"] == "of another model"
        assert http.get("/restore/other").status_code == 404


def test_a_restore_leaves_what_was_asked_for(store: Running) -> None:
    archive = snapshot(store)
    tell(store, {"id": "nightly", "state": "completed"})
    with store.http() as http:
        wish = http.post("/restore", json={"backup": "nightly"}).json()["id"]
    assert send(store, archive, replace="true").status_code in (200, 503)
    assert store.process is not None
    store.process.wait(60)
    store.restart()
    assert [each["id"] for each in asked(store)] == [wish]


def test_nobody_asks_where_the_plan_does_not_allow_it(store: Running, limits: Path) -> None:
    with store.http() as http:
        allowed = http.get("/openapi.json").json()
        assert {"/backup", "/backup/{id}", "/restore", "/restore/{id}"} <= set(allowed["paths"])
        assert "Backups" in {tag["name"] for tag in allowed["tags"]}
    limits.write_text(json.dumps({"plan": "starter", "generation": 1}))
    with store.http() as http:
        wait_until(lambda: http.get("/backup").status_code == 403)
        refused = http.post("/backup", json={})
        paths = set(http.get("/openapi.json").json()["paths"])
        assert set(allowed["paths"]) - paths == {"/backup", "/backup/{id}", "/restore", "/restore/{id}"}
    assert refused.json()["message"].startswith("plan starter lets nobody ask for backups by a key (backup.byTenants)")
    assert not (store.folder / "data" / "wishes.json").exists()


def test_only_the_read_write_key_asks_also_of_a_follower(store: Running, start: Start) -> None:
    keys = {name: store.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=store.url, **ENVIRON)
    for running in (store, follower):
        with running.http("read-only") as http:
            for path in ("/backup", "/backup/x", "/restore/x"):
                assert http.get(path).status_code == 403
            assert http.post("/backup", json={}).status_code == 403
    with follower.http() as http:
        wish = http.post("/backup", json={}).json()["id"]
        assert http.get(f"/backup/{wish}").json()["state"] == "requested"
        assert http.get("/metrics-of-a-kind").status_code == 404, "what is not the leader's is answered here"
    assert [each["id"] for each in asked(store)] == [wish]
    assert httpx.post(f"{store.management_url}/admin/backups", json={}).status_code == 401


def test_what_is_told_has_to_be_in_the_one_form(store: Running) -> None:
    with admin(store) as http:
        assert http.post("/admin/backups", content=b"no").status_code == 400
        assert http.post("/admin/backups", json={"backups": [{"id": "x"}]}).status_code == 422
        assert http.post("/admin/backups", json={"backup": []}).status_code == 422
