"""Stores that are restored, against a real API server: no controllers run, so the test says how Jobs and pods fare."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import chromadb
import numpy as np
import pytest
from tests.integration.operator.conftest import Start, tenancy
from tests.support.apiserver import ApiServer
from tests.support.archives import rows
from tests.support.backups import of_folder
from tests.support.instances import Running
from tests.support.jobs import MERGE, Jobs, Leader, result
from tests.support.operators import Object, Tenant, condition, wait_until

from vectorstore_instance.backup.__main__ import outcome
from vectorstore_instance.backup.result import Result
from vectorstore_operator.cluster.kinds import BACKUP, GRANT, PLAN, SECRET, STORE
from vectorstore_operator.names import MANAGEMENT_PORT
from vectorstore_operator.render import keys

pytestmark = pytest.mark.apiserver

ADDRESS = f"127.1.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
"""Of this run's own: management ports are all the same."""
ENDPOINT = "https://s3.example.com"
BUCKET = {"bucket": "mine", "endpoint": ENDPOINT}


@pytest.fixture
async def plan(tenant: Tenant) -> AsyncIterator[str]:
    """A plan with a place for backups, and an endpoint that stores may name."""
    backup = {"destination": {"claim": {"name": "backups"}}, "endpoints": [ENDPOINT]}
    made = await tenant.plan(f"plan-{tenant.namespace}", backup=backup)
    yield made["metadata"]["name"]
    await tenant.cluster.delete(made)


@pytest.fixture
def jobs(served: ApiServer, tenant: Tenant) -> Jobs:
    return Jobs(served, tenant)


@pytest.fixture
async def leader(served: ApiServer, tenant: Tenant) -> AsyncIterator[Leader]:
    """The pod of `acme`, which waits for an archive."""
    made = Leader(served, tenant.namespace, ADDRESS)
    async with made.serving():
        yield made


@pytest.fixture
def keep(served: ApiServer, tenant: Tenant, plan: str) -> Callable[..., Object]:
    """Makes a backup that is complete, before the operator sees it; of whatever store, in whatever namespace."""

    def make(name: str = "nightly", namespace: str = tenant.namespace, phase: str = "Completed", **told: Any) -> Object:
        meta = {"name": name, "namespace": namespace}
        body = {"apiVersion": BACKUP.api_version, "kind": BACKUP.name, "metadata": meta, "spec": {"store": "former"}}
        assert served.call("POST", BACKUP.path(namespace), body)[0] == 201
        at = "2026-03-01T12:00:00Z"
        complete = {"type": "Complete", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": at}
        status = {"phase": phase, "storeUid": "0b1c", "plan": plan, "takenAt": at, "completedAt": at}
        status |= {"model": "all-MiniLM-L6-v2", "documents": 7, "bytes": 1 << 20, "conditions": [complete]} | told
        code, made = served.call("PATCH", BACKUP.path(namespace, name, "status"), {"status": status}, MERGE)
        assert code == 200, made
        return made

    return make


def phase(wanted: str, reason: str | None = None) -> Callable[[Object], bool]:
    """Whether a store's restore stands so."""

    def stands(store: Object) -> bool:
        told = store.get("status", {}).get("restore") or {}
        return told.get("phase") == wanted and (reason is None or told.get("reason") == reason)

    return stands


async def until(tenant: Tenant, wanted: str, reason: str | None = None) -> Object:
    """What is told of the restore of `acme`, once it stands so."""
    store = await tenant.until(STORE.name, "acme", phase(wanted, reason))
    told: Object = store["status"]["restore"]
    return told


async def test_a_new_store_begins_with_a_backup(
    tenant: Tenant, start: Start, plan: str, jobs: Jobs, leader: Leader, keep: Callable[..., Object]
) -> None:
    keep()
    operator = start()
    await tenant.store("acme", plan=plan, restoreFrom={"backup": {"name": "nightly"}})
    waits = await until(tenant, "Waiting", "StoreNotUp")
    assert waits["source"] == f"{tenant.namespace}/nightly"
    pods = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "RESTORING", "value": "true"} in pods

    leader.run("acme")
    job = await jobs.made("restore")
    begun = await until(tenant, "Restoring")
    assert (begun["attempts"], begun.get("request")) == (1, None)
    given = await jobs.given(job)
    stated = json.loads(given["job.json"])
    whose = {"cluster": "cluster", "namespace": tenant.namespace, "uid": "0b1c", "name": "former"}
    assert (stated["verb"], stated["store"], stated["names"]) == ("restore", whose, ["nightly"])
    assert stated["url"] == f"http://acme-0.acme-headless.{tenant.namespace}.svc:9090"
    assert not stated.get("replace")
    assert given["token"]
    store = await tenant.have(STORE.name, "acme")
    assert condition(store, "Restored")["reason"] == "Restoring"
    assert condition(store, "Ready")["status"] == "False"

    leader.restored(stated["run"])
    jobs.ended(job, result("restore"))
    done = await until(tenant, "Restored")
    assert (done["documents"], done["attempts"]) == (7, 1)
    store = await tenant.until(STORE.name, "acme", lambda live: condition(live, "Restored").get("status") == "True")
    assert given["token"] not in json.dumps(store)
    await tenant.told("Restored")

    wait_until(operator.settled)
    assert operator.stop() == 0
    again = start()
    wait_until(again.settled)
    assert [one for one in again.writes() if one["kind"] != PLAN.name] == []  # which counts its stores a moment later

    leader.told = {"phase": "waiting"}  # its volume was lost: nobody restores by himself what is old by now
    await tenant.change(STORE.name, "acme", tenantId="x")
    store = await tenant.until(STORE.name, "acme", lambda live: "holds nothing" in condition(live, "Ready")["message"])
    assert (condition(store, "Ready")["reason"], store["status"]["restore"]["phase"]) == ("Restoring", "Restored")
    assert await jobs.all() == [job["metadata"]["name"]]


@dataclass
class Instance(Running):
    """A real instance where the operator looks for the pod of `acme`."""

    @property
    def management_url(self) -> str:
        return f"http://{ADDRESS}:{MANAGEMENT_PORT}"

    def chroma(self, key: str = "read-write") -> chromadb.ClientAPI:
        return chromadb.HttpClient(ADDRESS, self.port, headers={"x-chroma-token": self.key(key)})


def instance(folder: Path, cls: type[Running] = Running, **environ: str) -> Running:
    """An instance with keys of its own; not started."""
    (folder / "keys").mkdir(parents=True)
    for name in ("read-write", "read-only", "admin", "internal"):
        (folder / "keys" / name).write_text(environ.pop(name, uuid4().hex))
    return cls(folder, {"MODEL_NAME": "none", "DIMENSION": "32"} | environ)


async def test_the_archive_itself_comes_and_in_place_takes_what_was_there_with_it(
    tenant: Tenant, start: Start, plan: str, jobs: Jobs, served: ApiServer, keep: Callable[..., Object], tmp_path: Path
) -> None:
    """The real Job's program and real instances, from the Secret that the operator makes."""
    source = instance(tmp_path / "source").start()
    vectors = np.random.default_rng(1).normal(size=(300, 32)).astype(np.float32)
    made = source.chroma().create_collection("some", embedding_function=None)
    made.upsert(ids=[str(n) for n in range(300)], embeddings=vectors)
    (tmp_path / "there").mkdir()
    whose = {"cluster": "cluster", "namespace": tenant.namespace, "uid": "0b1c", "name": "former"}
    taken = of_folder(tmp_path, tmp_path / "there").run("backup", "nightly", running=source, store=whose)
    assert taken.ok, taken
    source.end()
    keep(model="none")
    start()
    await tenant.store("acme", plan=plan, model="none", dimension=32, restoreFrom={"backup": {"name": "nightly"}})
    store = await until(tenant, "Waiting", "StoreNotUp") and await tenant.have(STORE.name, "acme")
    secret = await tenant.until(SECRET.name, "vectorstore-operator-secret")
    token = keys.token(base64.b64decode(secret["data"]["secret"]), "admin", store["metadata"]["uid"])
    acme = instance(tmp_path / "acme", Instance, admin=token, HOST=ADDRESS, RESTORING="true")
    acme.management_port = MANAGEMENT_PORT
    acme.start()
    Leader(served, tenant.namespace, ADDRESS).run("acme")

    async def carry_out(job: Object) -> Result:
        """What the pod of a Job does."""
        folder = tmp_path / job["metadata"]["name"]
        folder.mkdir()
        for name, text in (await jobs.given(job)).items():
            (folder / name).write_text(text)
        stated = json.loads((folder / "job.json").read_text())
        stated |= {"url": acme.management_url, "destination": {"folder": {"path": str(tmp_path / "there")}}}
        (folder / "job.json").write_text(json.dumps(stated))
        said = await asyncio.to_thread(outcome, folder)
        jobs.ended(job, said)
        return said

    try:
        first = await jobs.made("restore")
        assert (await carry_out(first)).ok
        assert (await until(tenant, "Restored"))["documents"] == 300
        there = rows(acme, "some")
        assert {id_: row[2] for id_, row in there.items()} == {str(n): vectors[n].tobytes() for n in range(300)}

        acme.chroma().get_collection("some", embedding_function=None).upsert(ids=["since"], embeddings=vectors[:1])
        await tenant.change(STORE.name, "acme", restore={"request": "r1", "backup": {"name": "nightly"}})
        second = await jobs.made("restore", [first["metadata"]["uid"]])
        work = asyncio.create_task(carry_out(second))
        assert acme.process is not None
        await asyncio.to_thread(acme.process.wait)  # it ends, to begin anew
        await asyncio.to_thread(acme.restart)
        assert (await work).ok
        await tenant.until(STORE.name, "acme", lambda live: live["status"]["restore"].get("request") == "r1")
        await until(tenant, "Restored")
        assert rows(acme, "some") == there
    finally:
        acme.end()


async def test_a_request_is_carried_out_once_whatever_happens_to_the_operator(
    tenant: Tenant, start: Start, plan: str, jobs: Jobs, leader: Leader, keep: Callable[..., Object]
) -> None:
    keep()
    leader.told = {"phase": "none"}
    operator = start(lease="false")
    await tenant.store("acme", plan=plan)
    await tenant.until(STORE.name, "acme", lambda live: "observedGeneration" in live.get("status", {}))
    leader.run("acme", ready=True)
    restore = {"backup": {"name": "nightly"}}
    await tenant.change(STORE.name, "acme", restore=restore | {"request": "r1"})
    first = await jobs.made("restore")
    operator.process.kill()  # while the Job runs
    operator.process.wait()
    run = json.loads((await jobs.given(first))["job.json"])["run"]
    leader.told = {"phase": "receiving"}
    operator = start(lease="false")
    wait_until(operator.settled)
    assert await jobs.all() == [first["metadata"]["name"]]
    operator.process.kill()  # and it ends, and is gone, before anybody looked
    operator.process.wait()
    leader.restored(run)
    await tenant.cluster.delete(first)
    await tenant.gone("Job", first["metadata"]["name"])
    operator = start(lease="false")
    done = await until(tenant, "Restored")
    assert (done["request"], done["documents"], await jobs.all()) == ("r1", 9, [])

    await tenant.change(STORE.name, "acme", restore=restore | {"request": "r2"})
    second = await jobs.made("restore")
    stated = json.loads((await jobs.given(second))["job.json"])
    assert (stated["replace"], stated["run"] != run) == (True, True)
    operator.process.kill()  # after it ended
    operator.process.wait()
    jobs.ended(second, result("restore"))
    operator = start(lease="false")
    await tenant.until(STORE.name, "acme", lambda live: live["status"]["restore"].get("documents") == 7)
    assert (await until(tenant, "Restored"))["request"] == "r2"
    wait_until(operator.settled)
    assert await jobs.all() == [second["metadata"]["name"]]

    await tenant.change(STORE.name, "acme", restore=restore | {"request": "r1"})  # a manifest is applied again
    hint = "'r1' was asked before"
    store = await tenant.until(STORE.name, "acme", lambda live: hint in condition(live, "Restored")["message"])
    assert (store["status"]["restore"]["request"], store["status"]["restore"]["former"]) == ("r2", ["r1"])
    wait_until(operator.settled)
    assert await jobs.all() == [second["metadata"]["name"]]


async def test_a_manifest_that_is_brought_from_elsewhere_overwrites_nothing(
    tenant: Tenant, start: Start, plan: str, jobs: Jobs, leader: Leader, keep: Callable[..., Object]
) -> None:
    keep()
    leader.told = {"phase": "none"}
    leader.run("acme", ready=True)
    await tenant.store("acme", plan=plan, restore={"request": "old", "backup": {"name": "nightly"}})
    operator = start()
    store = await tenant.until(STORE.name, "acme", lambda live: "restore" in live.get("status", {}))
    assert store["status"]["restore"] == {"skipped": "old"}
    wait_until(operator.settled)
    assert (await jobs.all(), condition(store, "Restored")) == ([], {})
    await tenant.change(STORE.name, "acme", restore={"request": "new"})
    await jobs.made("restore")


async def test_another_namespace_s_backup_needs_a_grant_there(
    tenant: Tenant, served: ApiServer, plan: str, jobs: Jobs, leader: Leader, keep: Callable[..., Object], start: Start
) -> None:
    async with tenancy(served) as other:
        keep(namespace=other.namespace)
        operator = start(watch_namespaces=f"{tenant.namespace},{other.namespace}")
        leader.run("acme")
        await tenant.store("acme", plan=plan, restoreFrom={"backup": {"name": "nightly", "namespace": other.namespace}})
        told = (await until(tenant, "Waiting", "BackupNotFound"))["message"]
        absent = {"name": "none", "namespace": other.namespace}
        await tenant.store("second", plan=plan, restoreFrom={"backup": absent})
        second = await tenant.until(STORE.name, "second", phase("Waiting", "BackupNotFound"))
        assert second["status"]["restore"]["message"] == told.replace("nightly", "none")
        grant = {"from": [tenant.namespace], "names": ["weekly"]}
        meta = {"name": f"g-{uuid4().hex[:6]}", "namespace": other.namespace}
        live = await other.cluster.create(
            {"apiVersion": GRANT.api_version, "kind": GRANT.name, "metadata": meta, "spec": grant}
        )
        wait_until(operator.settled)
        assert await jobs.all() == []
        await other.cluster.patch(live, {"spec": {"names": ["weekly", "nightly"]}})
        given = json.loads((await jobs.given(await jobs.made("restore")))["job.json"])
        assert (given["store"]["namespace"], given["names"]) == (other.namespace, ["nightly"])


async def test_an_object_needs_a_secret_of_the_store_s_own_namespace(
    tenant: Tenant, start: Start, plan: str, jobs: Jobs, leader: Leader
) -> None:
    start()
    leader.run("acme")
    stated = {"destination": {"s3": BUCKET, "secretName": "mine"}, "path": "a/b.tar.zst"}
    await tenant.store("acme", plan=plan, restoreFrom={"object": stated})
    told = (await until(tenant, "Waiting", "SecretMissing"))["message"]
    assert "spec.restoreFrom.object.destination.secretName: there is no Secret 'mine'" in told
    elsewhere = {"destination": {"s3": BUCKET | {"endpoint": "https://evil.example"}, "secretName": "mine"}}
    await tenant.store("second", plan=plan, restoreFrom={"object": elsewhere | {"path": "a/b.tar.zst"}})
    second = await tenant.until(STORE.name, "second", phase("Waiting", "EndpointNotAllowed"))
    assert "https://evil.example" in second["status"]["restore"]["message"]
    meta = {"name": "mine", "namespace": tenant.namespace}
    keys = {"access-key-id": "the-id", "secret-access-key": "the-key"}
    await tenant.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": keys})
    given = await jobs.given(await jobs.made("restore"))
    job = json.loads(given["job.json"])
    assert (job["object"], job.get("store"), job["names"]) == ("a/b.tar.zst", None, [])
    assert (job["destination"]["s3"]["endpoint"], given["secret-access-key"]) == (ENDPOINT, "the-key")
    assert "the-key" not in json.dumps(await tenant.have(STORE.name, "acme"))


async def test_what_does_not_fit_is_refused_in_words_before_any_job(
    tenant: Tenant, start: Start, plan: str, jobs: Jobs, leader: Leader, keep: Callable[..., Object]
) -> None:
    for name, more in {
        "large": {"documents": 20},
        "other": {"model": "none"},
        "evil": {"storeUid": "../others/1"},
    }.items():
        keep(name, **more)
    start()
    quota = {"quota": {"documents": 10}}
    await tenant.store("acme", plan=plan, restoreFrom={"backup": {"name": "large"}}, **quota)
    leader.run("acme")
    assert "spec.quota.documents: 10" in (await until(tenant, "Waiting", "AboveQuota"))["message"]
    assert await jobs.all() == []
    refused = {"r1": ("large", "AboveQuota"), "r2": ("other", "WrongModel"), "r3": ("evil", "Invalid")}
    for request, (name, reason) in refused.items():
        await tenant.change(STORE.name, "acme", restore={"request": request, "backup": {"name": name}})
        told = await until(tenant, "Failed", reason)
        assert (told["request"], "ask with another request" in told["message"]) == (request, True)
    await tenant.told("RestoreFailed")
    await tenant.store("second", plan=plan, restoreFrom={"backup": {"name": "large"}}, **quota)
    await tenant.until(STORE.name, "second", phase("Waiting", "AboveQuota"))
    assert await jobs.all() == []
    await tenant.change(STORE.name, "second", quota={"documents": 20})
    await tenant.until(STORE.name, "second", phase("Waiting", "StoreNotUp"))


async def test_a_job_whose_pod_dies_is_started_again_and_not_for_ever(
    tenant: Tenant, start: Start, plan: str, jobs: Jobs, leader: Leader, keep: Callable[..., Object]
) -> None:
    keep()
    start()
    await tenant.store("acme", plan=plan, restoreFrom={"backup": {"name": "nightly"}})
    leader.run("acme")
    seen: list[Object] = []
    for said in (None, result("restore", "DestinationAway", transient=True), None):
        seen.append(await jobs.made("restore", [one["metadata"]["uid"] for one in seen]))
        jobs.ended(seen[-1], said, ago=3600)
    told = await until(tenant, "Failed")
    assert (told["attempts"], told["reason"], len(set(await jobs.all()))) == (3, "Interrupted", 3)
    runs = {json.loads((await jobs.given(job))["job.json"])["run"] for job in seen}
    assert len(runs) == 1
    # The store waits still: another request brings it what it needs.
    await tenant.change(STORE.name, "acme", restore={"request": "r1", "backup": {"name": "nightly"}})
    last = await jobs.made("restore", [one["metadata"]["uid"] for one in seen])
    jobs.ended(last, result("restore", "WrongKey"))
    assert "it says why" in (await until(tenant, "Failed", "WrongKey"))["message"]
