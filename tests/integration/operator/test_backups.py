"""Backups on demand against a real API server: no controllers run, so the test says how Jobs and pods fare."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.operator.conftest import Start, tenancy
from tests.support.apiserver import ApiServer
from tests.support.jobs import MERGE, Jobs, Leader, result
from tests.support.operators import Object, Tenant, condition, wait_until

from vectorstore_instance.backup.result import Info
from vectorstore_operator.cluster.kinds import BACKUP, EVENT, JOB, SECRET
from vectorstore_operator.names import ADOPTED_ANNOTATION

pytestmark = pytest.mark.apiserver

KEY = "a-key-nobody-may-see"
LONG_AGO = 3600.0


@pytest.fixture
async def plan(tenant: Tenant) -> AsyncIterator[str]:
    """A plan with a bucket, whose key is in the operator's namespace."""
    data = {"access-key-id": "AKIA", "secret-access-key": KEY}
    meta = {"name": "bucket", "namespace": tenant.namespace}
    await tenant.cluster.create({"apiVersion": "v1", "kind": SECRET.name, "metadata": meta, "stringData": data})
    s3 = {"bucket": "backups", "endpoint": "https://s3.example.com"}
    made = await tenant.plan(f"plan-{tenant.namespace}", backup={"destination": {"s3": s3, "secretName": "bucket"}})
    yield made["metadata"]["name"]
    await tenant.cluster.delete(made)


@pytest.fixture
def jobs(served: ApiServer, tenant: Tenant) -> Jobs:
    return Jobs(served, tenant)


@pytest.fixture
async def acme(served: ApiServer, tenant: Tenant, plan: str) -> Object:
    """A store whose pod answers."""
    made = await tenant.store("acme", plan=plan)
    Leader(served, tenant.namespace, "127.0.0.12").run("acme", ready=True)
    return made


async def backup(tenant: Tenant, name: str, **spec: Any) -> Object:
    """Somebody asks for one."""
    meta = {"name": name, "namespace": tenant.namespace}
    body = {"apiVersion": BACKUP.api_version, "kind": BACKUP.name, "metadata": meta, "spec": {"store": "acme"} | spec}
    return await tenant.cluster.create(body)


def phase(wanted: str, reason: str | None = None) -> Callable[[Object], bool]:
    """Whether a backup stands so."""

    def so(obj: Object) -> bool:
        told = [condition(obj, kind).get("reason") for kind in ("Complete", "Verified")]
        return (obj.get("status") or {}).get("phase") == wanted and (reason is None or reason in told)

    return so


def info(obj: Object) -> Info:
    """What a Job says of the backup it made."""
    meta, at = obj["metadata"], datetime.now(UTC)
    return Info(
        format=1,
        name=meta["name"],
        object=f"cluster/{meta['namespace']}/uid/{meta['name']}.0.tar.zst",
        cluster="cluster",
        namespace=meta["namespace"],
        uid="uid",
        store="acme",
        run=meta["uid"],
        taken=at,
        finished=at,
        sequence=7,
        collections=1,
        documents=7,
        bytes=1 << 20,
        size=4096,
        sha256="0" * 64,
        encrypted=False,
        release="0.1.0",
        chromadb="1.5.9",
        model="all-MiniLM-L6-v2",
        dimension=384,
        precision="fp32",
        pause_seconds=0.01,
    )


async def made(tenant: Tenant, jobs: Jobs, name: str, **spec: Any) -> Object:
    """A backup that is complete, and not to be proven."""
    asked = await backup(tenant, name, verify=False, **spec)
    jobs.ended(await jobs.made("backup", but=await _there(tenant)), result("backup", backup=info(asked)))
    return await tenant.until(BACKUP.name, name, phase("Completed"))


async def _there(tenant: Tenant) -> set[str]:
    """Uids of Jobs that have ended."""
    found = (await tenant.cluster.list(JOB, tenant.namespace))[0]
    return {job["metadata"]["uid"] for job in found if (job.get("status") or {}).get("conditions")}


async def test_an_adopted_one_is_left_alone_until_it_has_a_status_and_taken_as_that_says(
    tenant: Tenant, served: ApiServer, plan: str, start: Start
) -> None:
    start()
    meta = {"name": "of-old", "namespace": tenant.namespace, "annotations": {ADOPTED_ANNOTATION: "true"}}
    body = {"apiVersion": BACKUP.api_version, "kind": BACKUP.name, "metadata": meta, "spec": {"store": "lost"}}
    await tenant.cluster.create(body)
    await _looked_at(tenant, "before")
    assert "status" not in await tenant.have(BACKUP.name, "of-old")
    at = "2026-03-01T12:00:00Z"
    complete = {"type": "Complete", "status": "True", "reason": "Done", "lastTransitionTime": at}
    status = {"phase": "Completed", "storeUid": "0b1c", "plan": plan, "takenAt": at, "conditions": [complete]}
    code, _ = served.call("PATCH", BACKUP.path(tenant.namespace, "of-old", "status"), {"status": status}, MERGE)
    assert code == 200
    told = (await tenant.have(BACKUP.name, "of-old"))["status"]
    await _looked_at(tenant, "after")
    assert (await tenant.have(BACKUP.name, "of-old"))["status"] == told


async def _looked_at(tenant: Tenant, name: str) -> None:
    """Waits until a later backup of the same store has had its turn, and so what came before it."""
    await backup(tenant, name, store="lost")
    await tenant.until(BACKUP.name, name, phase("Failed", "NoStore"))


async def test_a_backup_is_made_and_proven_by_jobs_of_the_operators_namespace(
    tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    operator = start()
    asked = await backup(tenant, "monday")
    job = await jobs.made("backup")
    given = await jobs.given(job)
    wanted = json.loads(given["job.json"])
    assert wanted["url"] == f"http://acme-0.acme-headless.{tenant.namespace}.svc:9090"
    assert wanted["run"] == asked["metadata"]["uid"]
    assert wanted["store"] == {
        "cluster": "cluster",
        "namespace": tenant.namespace,
        "uid": acme["metadata"]["uid"],
        "name": "acme",
    }
    assert given["secret-access-key"] == KEY
    jobs.ended(job, result("backup", backup=info(asked)))

    proof = await jobs.made("verify")
    assert "token" not in await jobs.given(proof)
    await tenant.until(BACKUP.name, "monday", phase("Verifying"))
    jobs.ended(proof, result("verify", backup=info(asked)))
    done = (await tenant.until(BACKUP.name, "monday", phase("Completed")))["status"]
    assert condition({"status": done}, "Verified")["status"] == "True"
    assert done["verified"]["documents"] == done["documents"] == 7
    assert done["destination"] == "s3://backups"

    await tenant.told("BackupCompleted")
    wait_until(lambda: operator.value("store_last_backup_bytes") == 4096)
    events = (await tenant.cluster.list(EVENT, tenant.namespace))[0]
    live = await tenant.have(BACKUP.name, "monday")
    for secret in (KEY, given["token"]):
        assert secret not in json.dumps([events, live, job, proof])
        assert secret not in operator.log.read_text()


async def test_what_passes_is_tried_three_times_and_then_fails_with_the_jobs_own_reason(
    tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    operator = start()
    await backup(tenant, "monday")
    for attempt in (1, 2, 3):
        job = await jobs.made("backup", but=await _there(tenant))
        assert job["metadata"]["name"].endswith(f"-{attempt}")
        jobs.ended(job, result("backup", "DestinationAway", transient=True), ago=LONG_AGO)
    failed = await tenant.until(BACKUP.name, "monday", phase("Failed", "DestinationAway"))
    assert failed["status"]["attempts"] == 3
    assert "it says why; it was tried 3 times" in condition(failed, "Complete")["message"]
    await tenant.told("BackupFailed")
    wait_until(lambda: operator.value("backup_failures_total") == 1)


async def test_what_will_not_pass_is_not_tried_again(tenant: Tenant, jobs: Jobs, acme: Object, start: Start) -> None:
    start()
    await backup(tenant, "monday")
    jobs.ended(await jobs.made("backup"), result("backup", "WrongCredentials"), ago=LONG_AGO)
    failed = await tenant.until(BACKUP.name, "monday", phase("Failed", "WrongCredentials"))
    assert failed["status"]["attempts"] == 1
    assert len(await jobs.all()) == 1


async def test_a_backup_that_is_not_proven_has_failed_though_it_is_complete(
    tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    start()
    asked = await backup(tenant, "monday")
    jobs.ended(await jobs.made("backup"), result("backup", backup=info(asked)))
    jobs.ended(await jobs.made("verify"), result("verify", "Corrupt"))
    failed = await tenant.until(BACKUP.name, "monday", phase("Failed", "Corrupt"))
    assert condition(failed, "Complete")["status"] == "True"
    assert condition(failed, "Verified")["status"] == "False"


async def test_one_backup_of_a_store_is_made_at_a_time_in_the_order_they_came(
    tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    start()
    first = await backup(tenant, "a-first", verify=False)
    job = await jobs.made("backup")
    await backup(tenant, "b-second", verify=False)
    waiting = await tenant.until(BACKUP.name, "b-second", phase("Pending", "Overlap"))
    assert "a-first" in condition(waiting, "Complete")["message"]
    jobs.ended(job, result("backup", backup=info(first)))
    await jobs.made("backup", but={job["metadata"]["uid"]})
    await tenant.until(BACKUP.name, "b-second", phase("Running"))


async def test_an_image_that_cannot_be_pulled_is_told_in_words(
    served: ApiServer, tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    start()
    await backup(tenant, "monday")
    job = await jobs.made("backup")
    jobs.waits(job, "ImagePullBackOff", "no such image")
    told = await tenant.until(BACKUP.name, "monday", phase("Running", "ImageUnavailable"))
    assert "ImagePullBackOff: no such image" in condition(told, "Complete")["message"]


async def test_a_store_that_is_not_there_or_does_not_answer_is_told(tenant: Tenant, plan: str, start: Start) -> None:
    start()
    await backup(tenant, "lost", store="nobody")
    await tenant.until(BACKUP.name, "lost", phase("Failed", "NoStore"))
    await tenant.store("acme", plan=plan)
    await backup(tenant, "monday")
    await tenant.until(BACKUP.name, "monday", phase("Pending", "StoreNotReady"))


async def test_an_operator_that_begins_goes_on_with_the_job_there_is(
    tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    operator = start()
    asked = await backup(tenant, "monday")
    job = await jobs.made("backup")
    operator.stop()
    jobs.ended(job, result("backup", backup=info(asked)))
    start()
    jobs.ended(await jobs.made("verify"), result("verify", backup=info(asked)))
    await tenant.until(BACKUP.name, "monday", phase("Completed"))
    assert len(await jobs.all()) == 2


async def test_the_archive_goes_with_a_backup_whose_policy_says_so(
    tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    start()
    await made(tenant, jobs, "kept")
    await made(tenant, jobs, "going", deletionPolicy="Delete")
    await tenant.delete(BACKUP.name, "kept")
    await tenant.delete(BACKUP.name, "going")
    job = await jobs.made("delete")
    wanted = json.loads((await jobs.given(job))["job.json"])
    assert wanted["names"] == ["going"]
    assert wanted["store"]["uid"] == acme["metadata"]["uid"]
    await backup(tenant, "going")
    await tenant.until(BACKUP.name, "going", phase("Pending", "FormerGoes"))
    jobs.ended(job, result("delete", deleted=1))
    await tenant.until(BACKUP.name, "going", phase("Running"))


async def test_of_a_namespace_that_goes_no_archive_is_deleted(
    served: ApiServer, tenant: Tenant, jobs: Jobs, plan: str, start: Start
) -> None:
    async with tenancy(served) as other:
        await other.store("acme", plan=plan)
        Leader(served, other.namespace, "127.0.0.13").run("acme", ready=True)
        operator = start(watch_namespaces=f"{tenant.namespace},{other.namespace}")
        asked = await backup(other, "monday", verify=False, deletionPolicy="Delete")
        jobs.ended(await jobs.made("backup"), result("backup", backup=info(asked)))
        await other.until(BACKUP.name, "monday", phase("Completed"))
        assert served.call("DELETE", f"/api/v1/namespaces/{other.namespace}")[0] == 200
        await other.delete(BACKUP.name, "monday")
        wait_until(lambda: "the archives of its backups stay" in operator.log.read_text())
        assert [name for name in await jobs.all() if "delete" in name] == []


async def test_what_a_tenant_writes_into_a_status_reaches_no_other_namespaces_archive(
    served: ApiServer, tenant: Tenant, jobs: Jobs, acme: Object, start: Start
) -> None:
    start()
    await made(tenant, jobs, "monday", deletionPolicy="Delete")
    forged = {"storeUid": "../../victim/uid", "object": "cluster/victim/uid/theirs.0.tar.zst"}
    path = BACKUP.path(tenant.namespace, "monday", "status")
    assert served.call("PATCH", path, {"status": forged}, MERGE)[0] == 200
    await tenant.until(BACKUP.name, "monday", lambda obj: obj["status"]["storeUid"] == forged["storeUid"])
    proper = await made(tenant, jobs, "tuesday", deletionPolicy="Delete")
    await tenant.delete(BACKUP.name, "monday")
    await tenant.delete(BACKUP.name, "tuesday")
    wanted = json.loads((await jobs.given(await jobs.made("delete")))["job.json"])
    assert (wanted["names"], wanted["store"]["namespace"]) == (["tuesday"], tenant.namespace)
    assert wanted["store"]["uid"] == proper["status"]["storeUid"]


async def test_what_is_pruned_loses_its_archive_first_and_then_its_object_all_by_one_job(
    served: ApiServer, tenant: Tenant, jobs: Jobs, plan: str, acme: Object, start: Start
) -> None:
    uid = acme["metadata"]["uid"]
    for name in ("a", "b", "kept"):
        await backup(tenant, name, deletionPolicy="Delete")
        status = {"phase": "Completed" if name == "kept" else "Deleting", "storeUid": uid, "plan": plan}
        code, answer = served.call("PATCH", BACKUP.path(tenant.namespace, name, "status"), {"status": status}, MERGE)
        assert code == 200, answer
    start()  # which knows nothing but what stands there
    job = await jobs.made("delete")
    assert sorted(json.loads((await jobs.given(job))["job.json"])["names"]) == ["a", "b"]
    assert (await tenant.have(BACKUP.name, "a"))["status"]["phase"] == "Deleting"
    jobs.ended(job, result("delete", deleted=2))
    await tenant.gone(BACKUP.name, "a")
    await tenant.gone(BACKUP.name, "b")
    await tenant.have(BACKUP.name, "kept")
    assert [name for name in await jobs.all() if "delete" in name] == [job["metadata"]["name"]]
