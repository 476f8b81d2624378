"""`vectorstore up`, `get` and `down` with real instances and Chroma's own client."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import chromadb
import pytest
from chromadb.errors import AuthorizationError, ChromaError
from tests.support.machine import CLI, Machine, manifest


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Waits for something another process does on its own, for which there is no event."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def fill(client: chromadb.ClientAPI, count: int = 3) -> None:
    collection = client.get_or_create_collection("facts")
    collection.upsert(
        ids=[f"id{i}" for i in range(count)],
        embeddings=[[float(i), 1.0, 0.0] for i in range(count)],
        documents=[f"document {i}" for i in range(count)],
    )


def nearest(client: chromadb.ClientAPI) -> str:
    found = client.get_collection("facts").query(query_embeddings=[[2.0, 1.0, 0.0]], n_results=1)
    return found["ids"][0][0]


def test_a_store_serves_who_has_its_key_and_nobody_else(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    assert nearest(machine.chroma(key="readOnlyKeyFile")) == "id2"
    with pytest.raises(ChromaError):
        fill(machine.chroma(key="readOnlyKeyFile"))
    port = int(machine.get()["url"].rpartition(":")[2])
    with pytest.raises(AuthorizationError, match="key is required"):
        chromadb.HttpClient("127.0.0.1", port)


def test_get_names_what_scripts_need(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    store = machine.get()
    assert (store["state"], store["plan"], store["documents"], store["limit"]) == ("Ready", "starter", 3, 100_000)
    assert {Path(store[f"{key}KeyFile"]).stat().st_mode & 0o777 for key in ("readWrite", "readOnly", "admin")} == {
        0o600
    }
    assert Path(store["dataDir"]).is_dir()
    os.kill(store["pid"], 0)
    with urllib.request.urlopen(store["managementUrl"] + "/readyz") as answer:
        assert answer.status == 200
    table = machine.run("get").stdout.splitlines()
    assert table[1].split() == ["acme", "starter", "Ready", "3/100000", store["url"]]
    assert json.loads(machine.run("get", "-o", "json").stdout)[0]["name"] == "acme"


def test_a_hibernated_store_does_not_run_and_wakes_with_what_it_held(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    said = machine.up(manifest(hibernated=True))
    assert "acme is hibernated: nothing of it runs, its data and keys stay" in said
    assert (machine.get()["state"], machine.get()["pid"]) == ("Hibernated", None)
    machine.up(manifest())
    assert nearest(machine.chroma()) == "id2"


def test_a_changed_quota_changes_just_that(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    before = machine.get()
    machine.up(manifest(quota={"documents": 4}))
    after = machine.get()
    assert (after["pid"], after["limit"]) == (before["pid"], 4)
    collection = machine.chroma().get_collection("facts")

    def refused() -> bool:
        try:
            collection.upsert(ids=["a", "b"], embeddings=[[0, 0, 1], [0, 0, 2]])
        except ChromaError as error:
            return "4" in str(error)
        collection.delete(ids=["a", "b"])
        return False

    eventually(refused, "the quota never came into force")
    assert collection.count() == 3


def test_the_same_again_does_nothing(machine: Machine) -> None:
    machine.up(manifest())
    before = machine.get()
    assert "ready, as it was" in machine.up(manifest())
    assert machine.get() == before


def test_a_changed_plan_restarts_and_keeps_the_data(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    before = machine.get()
    machine.up(manifest(plan="standard"))
    after = machine.get()
    assert after["pid"] != before["pid"]
    assert (after["url"], after["limit"], after["documents"]) == (before["url"], 1_000_000, 3)


def test_settings_that_no_manifest_has_come_from_the_stores_own_folder(machine: Machine) -> None:
    machine.up(manifest())
    machine.run("down", "acme")
    settings = machine.home / "stores" / "acme" / ".env"
    settings.write_text("DOCUMENT_URLS=files.example.com\nPORT=1\n")
    assert "DOCUMENT_URLS: each part must be" in machine.up(manifest(), code=1)
    settings.write_text("DOCUMENT_URLS=https://files.example.com/\nPORT=1\n")
    machine.up(manifest())
    assert machine.chroma().heartbeat()  # what `up` decides stays: its port


def test_down_and_up_keep_data_keys_and_ports(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    before = machine.get()
    key = Path(before["readWriteKeyFile"]).read_text()
    assert str(machine.home / "stores" / "acme") in machine.run("down", "acme").stderr
    assert machine.get()["state"] == "Stopped"
    assert machine.processes() == set()
    machine.up(manifest())
    assert machine.get()["url"] == before["url"]
    assert Path(before["readWriteKeyFile"]).read_text() == key
    assert nearest(machine.chroma()) == "id2"


def test_down_deletes_where_the_manifest_says_so(machine: Machine) -> None:
    machine.up(manifest(deletionPolicy="Delete"))
    assert "deleted" in machine.run("down", "acme").stderr
    assert not (machine.home / "stores" / "acme").exists()
    assert "there is no store 'acme'" in machine.run("get", "acme", code=1).stderr


def test_a_killed_instance_comes_back_with_its_data(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    before = machine.get()
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: machine.get()["pid"] not in (None, before["pid"]), "no new instance was started")
    eventually(lambda: machine.get()["state"] == "Ready", "the new instance never got ready")
    assert nearest(machine.chroma()) == "id2"
    assert machine.get()["restarts"] == 1


def test_a_killed_supervisor_leaves_no_orphan(machine: Machine) -> None:
    machine.up(manifest())
    fill(machine.chroma())
    supervisor = int((machine.home / "stores" / "acme" / "supervisor.lock").read_text())
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: not machine.processes(), "an orphan stayed")
    machine.up(manifest())
    assert nearest(machine.chroma()) == "id2"


def test_two_stores_live_side_by_side(machine: Machine) -> None:
    machine.up(manifest("one"), manifest("two"))
    fill(machine.chroma("one"))
    assert machine.chroma("two").list_collections() == []
    key = Path(machine.get("one")["readWriteKeyFile"]).read_text().strip()
    port = int(machine.get("two")["url"].rpartition(":")[2])
    with pytest.raises(AuthorizationError, match="key is not one of this store's"):
        chromadb.HttpClient("127.0.0.1", port, headers={"x-chroma-token": key})
    machine.run("down", "one")
    assert machine.get("two")["state"] == "Ready"


def test_one_spoiled_store_hides_and_keeps_none_of_the_others(machine: Machine) -> None:
    machine.up(manifest("good"), manifest("keyless"), manifest("spoiled"))
    keyless = machine.get("keyless")
    for key in ("readOnlyKeyFile", "readWriteKeyFile"):
        Path(keyless[key]).unlink()
    (machine.home / "stores" / "spoiled" / "store.json").write_text("{")
    shown = machine.run("get", "-o", "json")
    states = {store["name"]: store["state"] for store in json.loads(shown.stdout)}
    assert states == {"good": "Ready", "keyless": "NotReady"}
    assert "spoiled/store.json" in shown.stderr
    assert "spoiled/store.json" in machine.run("down", "--all", code=1).stderr
    assert {machine.get(name)["state"] for name in ("good", "keyless")} == {"Stopped"}
    os.kill(int((machine.home / "stores" / "spoiled" / "supervisor.lock").read_text()), signal.SIGTERM)
    eventually(lambda: not machine.processes(), "a process stayed")
    shutil.rmtree(machine.home / "stores" / "spoiled")


def test_two_ups_at_once_start_one_instance(machine: Machine) -> None:
    with ThreadPoolExecutor() as pool:
        said = [job.result() for job in [pool.submit(machine.up, manifest()) for _ in range(2)]]
    assert sum("starting acme" in text for text in said) == 1
    assert machine.get()["state"] == "Ready"


def test_nothing_starts_when_one_document_is_wrong(machine: Machine) -> None:
    said = machine.up(manifest("good"), manifest("bad", plan="gold"), code=1)
    assert said.startswith("Error: bad: spec.plan: no VectorStorePlan 'gold'")
    assert machine.processes() == set()
    said = machine.up(manifest("good"), manifest("bad", quota={"documents": 0}), code=2)
    assert "VectorStore bad: spec.quota.documents: 0 should be greater than or equal to 1" in said
    assert machine.run("get").stdout == ""


def test_a_refused_change_leaves_the_running_store_as_it_was(machine: Machine) -> None:
    machine.up(manifest())
    before = machine.get()
    assert "dimension is fixed when the store is made" in machine.up(manifest(dimension=4), code=1)
    assert machine.get() == before


def test_an_instance_that_cannot_start_says_why_and_leaves_nothing(machine: Machine) -> None:
    machine.up(manifest())
    machine.run("down", "acme")
    for key in ("read-write", "read-only"):
        (machine.home / "stores" / "acme" / "keys" / key).write_text("")
    said = machine.up(manifest(), code=1)
    assert "Error: acme: the instance ended at its start with exit code 1:" in said
    assert "has no key in read-write or read-only; write one per line" in said
    assert machine.processes() == set()


def test_an_interrupted_start_leaves_nothing(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "store.yaml"
    path.write_text(manifest())
    starting = subprocess.Popen([*CLI, "up", "-f", str(path)], env=machine.environ, stderr=subprocess.PIPE, text=True)
    assert starting.stderr is not None
    assert "starting acme" in starting.stderr.readline()
    starting.send_signal(signal.SIGINT)
    assert starting.stderr.read().strip() == "Error: interrupted"
    assert starting.wait() == 130
    assert machine.processes() == set()


def test_attached_stores_end_with_ctrl_c(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "store.yaml"
    path.write_text(manifest("one") + "\n---\n" + manifest("two"))
    attached = subprocess.Popen(
        [*CLI, "up", "--foreground", "-f", str(path)], env=machine.environ, stderr=subprocess.PIPE, text=True
    )
    assert attached.stderr is not None
    for line in attached.stderr:
        if "Ctrl-C" in line:
            break
    fill(machine.chroma("one"))
    attached.send_signal(signal.SIGINT)
    assert "down" in attached.stderr.read()
    assert attached.wait() == 0
    assert machine.processes() == set()


def test_attached_stores_end_with_a_killed_command(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "store.yaml"
    path.write_text(manifest())
    attached = subprocess.Popen(
        [*CLI, "up", "--foreground", "-f", str(path)], env=machine.environ, stderr=subprocess.PIPE, text=True
    )
    assert attached.stderr is not None
    for line in attached.stderr:
        if "Ctrl-C" in line:
            break
    attached.kill()
    attached.wait()
    eventually(lambda: not machine.processes(), "an orphan stayed")


def test_an_embedding_store_answers_text_with_text(machine: Machine) -> None:
    machine.up(manifest(model="all-MiniLM-L6-v2", dimension=None))
    store = machine.get()
    key = Path(store["readWriteKeyFile"]).read_text().strip()

    def post(path: str, body: object) -> dict[str, list[dict[str, str]]]:
        request = urllib.request.Request(
            store["url"] + path, json.dumps(body).encode(), {"Authorization": f"Bearer {key}"}
        )
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            found: dict[str, list[dict[str, str]]] = json.load(answer)
            return found

    post("/embed/", {"documents": ["A cat sleeps on the sofa.", "Interest rates rose again."]})
    found = post("/search/", {"query": "What do central banks do?", "n_results": 1})
    assert found["results"][0]["document"] == "Interest rates rose again."


def test_the_command_explains_its_misuse(machine: Machine) -> None:
    assert "No such file" in machine.run("up", "-f", "/nowhere.yaml", code=2).stderr
    assert "say --all" in machine.run("down", code=2).stderr
    assert "there is no store 'acme'" in machine.run("down", "acme", code=1).stderr
    assert "there is no VectorStore" in machine.up("", code=1)


def plan_with(*engines: str) -> str:
    spec = {"documents": 1000, "remoteEngines": list(engines)}
    head = {"apiVersion": "vectorstore.dev/v1alpha1", "kind": "VectorStorePlan", "metadata": {"name": "far"}}
    return json.dumps(head | {"spec": spec})


def test_a_store_may_have_its_engine_elsewhere(machine: Machine) -> None:
    machine.up(manifest("behind"))
    behind = machine.get("behind")
    secret = machine.home / "secrets" / "chroma"
    secret.mkdir(parents=True)
    (secret / "token").write_text(Path(behind["readWriteKeyFile"]).read_text())
    remote = {"engine": {"remote": {"url": behind["url"], "secretName": "chroma"}}}

    refused = machine.up(plan_with("http://other"), manifest(plan="far", **remote), code=1)
    assert f"spec.engine.remote.url: {behind['url']} is not among the remoteEngines of plan far" in refused
    machine.up(plan_with(behind["url"]), manifest(plan="far", **remote))
    fill(machine.chroma())
    assert nearest(machine.chroma("behind")) == nearest(machine.chroma(key="readOnlyKeyFile")) == "id2"
    moved = machine.up(plan_with(behind["url"]), manifest(plan="far"), code=1)
    assert "engine is fixed when the store is made" in moved
