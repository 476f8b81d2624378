"""`vectorstore schedule`: the schedules of manifests, and what tenants ask for by their keys, on one machine."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.machine import Machine, manifest

DAY = 86400


def plan(**backup: Any) -> str:
    """A plan whose stores are backed up like this."""
    head = {"apiVersion": "vectorstore.dev/v1alpha1", "kind": "VectorStorePlan", "metadata": {"name": "mine"}}
    return json.dumps({**head, "spec": {"documents": 1000, "backup": backup}})


def aged(machine: Machine, name: str = "acme") -> None:
    """Has a store been made three days ago."""
    key = Path(machine.get(name)["adminKeyFile"])
    then = key.stat().st_mtime - 3 * DAY
    os.utime(key, (then, then))


Once = Callable[..., str]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home")
    yield machine
    machine.run("down", "--all")


@pytest.fixture
def once(machine: Machine, tmp_path: Path) -> Once:
    """Does what is due now; says how that went."""

    def run(code: int = 0) -> str:
        return machine.run("schedule", "--to", str(tmp_path / "backups"), "--once", code=code).stderr

    return run


def names(machine: Machine, tmp_path: Path) -> list[str]:
    shown = machine.run("backups", "acme", "--in", str(tmp_path / "backups"), "-o", "json").stdout
    return [each["name"] for each in json.loads(shown)]


def test_what_is_due_is_made_once_and_what_is_surplus_goes(machine: Machine, once: Once, tmp_path: Path) -> None:
    machine.up(plan(schedule="0 3 * * *", timeZone="Europe/Berlin", retention={"last": 1}), manifest(plan="mine"))
    assert once() == "", "its first time is yet to come"
    for name in ("acme-202001010200", "by-hand"):
        machine.run("backup", "acme", "--to", str(tmp_path / "backups"), "--as", name, "--no-verify")
    aged(machine)
    told = once()
    assert "deleted by its retention: acme-202001010200" in told
    assert "proven: 0 documents" in told
    made, by_hand = sorted(names(machine, tmp_path))
    assert (made[:5], made[-4:] in ("0100", "0200"), by_hand) == ("acme-", True, "by-hand")
    assert once() == "", "it is there"
    machine.run("down", "acme")
    assert "acme: it does not run" in once()


def test_what_fails_is_told_and_ends_one_look_with_a_code(machine: Machine, once: Once, tmp_path: Path) -> None:
    machine.up(manifest(backup={"schedule": "0 3 * * *", "verify": False}))
    aged(machine)
    where = tmp_path / "backups" / re.sub("[^A-Za-z0-9_.-]", "-", socket.gethostname())
    where.parent.mkdir()
    where.touch()
    assert "tried again in 60 s" in once(code=1)
    where.unlink()
    once()
    assert len(names(machine, tmp_path)) == 1


def test_a_proof_that_is_still_to_come_is_made_up_for(machine: Machine, once: Once, tmp_path: Path) -> None:
    machine.up(manifest(backup={"schedule": "0 3 * * *"}))
    machine.run("backup", "acme", "--to", str(tmp_path / "backups"), "--as", "acme-202001010300", "--no-verify")
    assert "acme-202001010300: 0 documents" in (told := once())
    assert "proven: 0 documents" in told
    assert once() == ""


def test_the_backups_of_a_store_that_is_no_more_stay(machine: Machine, once: Once, tmp_path: Path) -> None:
    machine.up(manifest(backup={"schedule": "0 3 * * *", "retention": {"last": 1}}))
    backup = ("backup", "acme", "--to", str(tmp_path / "backups"), "--no-verify", "--as")
    machine.run(*backup, "acme-202001010300")
    os.utime(Path(machine.get()["adminKeyFile"]))  # as of one made anew: what was taken before was another's
    machine.run(*backup, "acme-202001020300")
    assert "acme-202001020300: 0 documents" in (told := once())
    assert "deleted" not in told
    assert names(machine, tmp_path) == ["acme-202001010300", "acme-202001020300"]


def test_tenants_are_backed_up_and_restored_where_the_plan_allows_it(
    machine: Machine, once: Once, tmp_path: Path
) -> None:
    machine.up(plan(byTenants=True), manifest(plan="mine"))
    shown = machine.get()
    headers = {"x-chroma-token": Path(shown["readWriteKeyFile"]).read_text().strip()}
    some = machine.chroma().create_collection("some", embedding_function=None)
    some.add(ids=["a"], embeddings=[[1.0, 2.0, 3.0]])
    with httpx.Client(base_url=shown["url"], headers=headers) as http:
        wish = http.post("/backup", json={"verify": False}).json()["id"]
        assert f"asked for by a key: backup {wish}" in once()
        state = http.get(f"/backup/{wish}").json()
        assert (state["state"], "verified" in state) == ("completed", False)
        some.add(ids=["b"], embeddings=[[1.0, 2.0, 3.0]])
        restore = http.post("/restore", json={"backup": wish}).json()["id"]
        once()
        assert http.get(f"/restore/{restore}").json()["state"] == "restored"
        assert machine.chroma().get_collection("some", embedding_function=None).get()["ids"] == ["a"]
        assert "asked for" not in once()
        assert http.post("/backup", json={}).status_code == 202, "nothing is open any more"
    assert names(machine, tmp_path) == [wish]
