"""The verbs beside up, get and down: the same on one machine as in a cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import chromadb
import pytest
from chromadb.errors import AuthorizationError
from tests.integration.local.test_up import eventually, fill
from tests.support.machine import CLI, Machine, manifest

from vectorstore_operator import __version__


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with a store of three documents, which every test leaves as it was."""
    machine = Machine(tmp_path_factory.mktemp("machine") / "home")
    machine.up(manifest())
    fill(machine.chroma())
    yield machine
    machine.run("down", "--all")


def test_connect_gives_a_snippet_that_works_and_shows_no_key(machine: Machine) -> None:
    text = machine.run("connect", "acme").stdout
    key = Path(machine.get()["readWriteKeyFile"]).read_text().strip()
    assert key not in text
    shell, python = text.split("# Python\n")
    done = subprocess.run(["bash", "-euc", shell], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["documents"] == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VECTORSTORE_KEY", key)
        exec(python, {})
    assert key in machine.run("connect", "acme", "--show-key").stdout
    assert json.loads(machine.run("connect", "acme", "-o", "json").stdout)["url"] == machine.get()["url"]


def test_usage_and_status_tell_what_the_instance_says(machine: Machine) -> None:
    head, line = machine.run("usage").stdout.splitlines()
    assert head.split() == ["NAME", "PLAN", "DOCUMENTS", "LIMIT", "USED", "BYTES", "COLLECTIONS"]
    assert line.split()[:6] == ["acme", "starter", "3", "100000", "0", "%"]
    assert machine.run("status", "acme").stdout.startswith("acme on this machine: ready\n")


def test_upgrade_starts_it_anew_with_what_is_installed_and_refuses_what_is_not(machine: Machine) -> None:
    url, before = machine.get()["url"], machine.processes()
    told = machine.run("upgrade", "acme").stderr
    assert f"stopping acme, to start it with version {__version__}" in told
    assert "acme is ready" in told
    assert (machine.get()["documents"], machine.get()["url"]) == (3, url)
    now = machine.processes()
    assert not before & now
    assert "--version: '99.0' is not installed here" in machine.run("upgrade", "acme", "--version=99.0", code=1).stderr
    assert machine.processes() == now


def test_hibernate_and_wake_keep_all_there_is(machine: Machine) -> None:
    url = machine.get()["url"]
    assert "acme is hibernated" in machine.run("hibernate", "acme").stderr
    assert (machine.get()["state"], machine.processes()) == ("Hibernated", set())
    told = machine.run("status", "acme", code=3).stdout
    assert "acme on this machine: not ready: Hibernated" in told
    assert "vectorstore wake acme" in told
    assert "see why: vectorstore status acme" in machine.run("connect", "acme", code=1).stderr
    assert "acme is ready" in machine.run("wake", "acme").stderr
    assert (machine.get()["documents"], machine.get()["url"]) == (3, url)


def test_a_paused_store_is_left_as_it_is_until_it_is_resumed(machine: Machine) -> None:
    before = machine.get()
    machine.run("pause", "acme")
    assert "acme is paused and left as it is" in machine.up(manifest(quota={"documents": 7}))
    assert machine.get() == before | {"paused": True}
    assert "Ready,Paused" in machine.run("get").stdout
    machine.run("resume", "acme")
    machine.up(manifest(quota={"documents": 7}))
    assert (machine.get()["limit"], machine.get()["paused"]) == (7, False)
    machine.up(manifest())


def _takes(machine: Machine, key: str) -> bool:
    port = int(machine.get()["url"].rpartition(":")[2])
    try:
        chromadb.HttpClient("127.0.0.1", port, headers={"x-chroma-token": key})
    except AuthorizationError:
        return False
    return True


def test_keys_are_rotated_with_an_overlap_and_revoked_at_once(machine: Machine) -> None:
    file = Path(machine.get()["readWriteKeyFile"])
    pid = machine.get()["pid"]
    first = file.read_text().strip()
    said = machine.run("rotate-key", "acme").stderr
    second, former = file.read_text().split()
    assert former == first
    assert "acme has new keys; those before are valid" in said
    assert first not in said
    assert second not in said
    eventually(lambda: _takes(machine, second), "the new key is not taken")
    assert _takes(machine, first)
    machine.run("rotate-key", "acme", "--revoke")
    (third,) = file.read_text().split()
    eventually(lambda: _takes(machine, third) and not _takes(machine, first), "the first key is still taken")
    assert not _takes(machine, second)
    assert machine.get()["pid"] == pid


def test_logs_follow_until_ctrl_c(machine: Machine) -> None:
    lines = machine.run("logs", "acme").stdout.splitlines()
    assert machine.run("logs", "acme", "--tail", "1").stdout.splitlines() == lines[-1:]
    following = subprocess.Popen(
        [*CLI, "logs", "acme", "-f"],
        env=machine.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches all processes of a terminal's foreground
    )
    assert following.stdout is not None
    assert following.stderr is not None
    assert [following.stdout.readline().rstrip() for _ in lines] == lines
    with (machine.home / "stores" / "acme" / "instance.log").open("a") as log:
        log.write("news\n")
    assert following.stdout.readline() == "news\n"
    os.killpg(following.pid, signal.SIGINT)
    assert following.wait(60) == 0
    assert following.stderr.read() == ""
