"""`kubectl vectorstore` against a real API server: what it shows, what it changes, and how it fails."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.operator.conftest import Start
from tests.support.apiserver import ApiServer
from tests.support.operators import Tenant, condition

from vectorstore_operator.cluster.kinds import BACKUP, STORE

PLUGIN = "from vectorstore_operator.cli.main import kubectl; kubectl()"

Run = Callable[..., Awaitable[subprocess.CompletedProcess[str]]]


async def command(code: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs an entry point as its script does."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, *words],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def run(served: ApiServer, tenant: Tenant) -> Run:
    """Runs the plugin in the tenant's namespace and expects an exit code; no message is ever a trace."""

    async def plugin(*words: str, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        environ = {"KUBECONFIG": str(served.kubeconfig)} | environ
        done = await command(PLUGIN, *words, "-n", tenant.namespace, **environ)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return plugin


async def tell(tenant: Tenant, name: str, reason: str, **status: Any) -> None:
    """Says of a store what an operator would."""
    ready = "True" if reason == "Serving" else "False"
    told = {
        "type": "Ready",
        "status": ready,
        "reason": reason,
        "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    store = await tenant.have(STORE.name, name)
    body = {key: store[key] for key in ("apiVersion", "kind")}
    body["metadata"] = {"name": name, "namespace": tenant.namespace}
    generation = store["metadata"]["generation"]
    body["status"] = {"observedGeneration": generation, "conditions": [told], **status}
    await tenant.cluster.apply(body, "status")


async def test_get_shows_stores_as_a_table_as_json_and_by_name(run: Run, tenant: Tenant) -> None:
    assert "no stores in namespace" in (await run("get")).stderr
    await tenant.store("acme")
    await tenant.store("beta", paused=True)
    await tell(tenant, "acme", "Serving", plan="starter", documents="3/100", url="http://acme.t.svc:8000")
    lines = (await run("get")).stdout.splitlines()
    assert lines[0].split() == ["NAME", "PLAN", "STATE", "DOCUMENTS", "URL", "AGE"]
    assert lines[1].split()[:5] == ["acme", "starter", "Ready", "3/100", "http://acme.t.svc:8000"]
    assert lines[2].split()[:3] == ["beta", "-", "Unknown,Paused"]
    assert json.loads((await run("get", "acme", "-o", "json")).stdout)["documents"] == 3
    names = (await run("get", "-o", "name")).stdout
    assert names == "vectorstore.vectorstore.dev/acme\nvectorstore.vectorstore.dev/beta\n"
    assert (await run("get", "-A")).stdout.startswith("NAMESPACE")


async def test_usage_is_what_the_status_says(run: Run, tenant: Tenant) -> None:
    await tenant.store("acme")
    await tell(tenant, "acme", "Serving", plan="starter", documents="30/100", bytes=1 << 20)
    head, line = (await run("usage")).stdout.splitlines()
    assert head.startswith("NAME  PLAN     DOCUMENTS  LIMIT  USED  BYTES    LAST REQUEST")
    assert line.split() == ["acme", "starter", "30", "100", "30", "%", "1.0", "MiB", "-"]
    assert json.loads((await run("usage", "acme", "-o", "json")).stdout)["bytes"] == 1 << 20


async def test_status_says_why_a_store_is_not_ready(run: Run, tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan, quota={"documents": 100_000_000})
    await tenant.until(STORE.name, "acme", lambda store: condition(store, "Ready"))
    told = (await run("status", "acme", code=3)).stdout
    assert f"acme in {tenant.namespace}: not ready: Refused" in told
    assert "Accepted (QuotaAbovePlan): spec.quota.documents: 100000000 is above the 1000" in told
    assert f"kubectl edit vectorstore acme -n {tenant.namespace}" in told
    assert "QuotaAbovePlan" in told.partition("events")[2]  # the operator's Event, by its field selector
    assert json.loads((await run("status", "acme", "-o", "json", code=3)).stdout)["ready"] is False


async def test_status_of_a_ready_store_is_a_success(run: Run, tenant: Tenant) -> None:
    await tenant.store("acme")
    await tell(tenant, "acme", "Serving")
    assert (await run("status", "acme")).stdout.startswith(f"acme in {tenant.namespace}: ready, for ")


async def test_pause_and_resume_set_one_field_and_wait(run: Run, tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan, quota={"documents": 7})
    assert "acme is paused" in (await run("pause", "acme", "--wait")).stderr
    store = await tenant.have(STORE.name, "acme")
    assert condition(store, "Progressing")["reason"] == "Paused"
    assert store["spec"]["quota"] == {"documents": 7}
    managers = {entry["manager"] for entry in store["metadata"]["managedFields"]}
    assert "kubectl-vectorstore" in managers
    await run("resume", "acme")
    assert "paused" not in (await tenant.have(STORE.name, "acme"))["spec"]


async def test_hibernation_is_waited_for_with_news(run: Run, tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan)
    await run("hibernate", "acme", "--wait")
    assert condition(await tenant.have(STORE.name, "acme"), "Ready")["reason"] == "Hibernated"
    # No pod ever comes here: nobody runs StatefulSets.
    late = (await run("wake", "acme", "--wait", "--timeout", "1", code=1)).stderr
    assert "acme: not done after 1 s, and going on; see: kubectl vectorstore status acme" in late
    assert "hibernated" not in (await tenant.have(STORE.name, "acme"))["spec"]


async def test_keys_are_rotated_by_one_field(run: Run, tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan, keys={"overlapHours": 2})
    before = await tenant.until("Secret", "acme-credentials")
    told = (await run("rotate-key", "acme", "--wait")).stderr
    assert "acme has new keys in Secret acme-credentials, and the former are valid until " in told
    keys = (await tenant.have(STORE.name, "acme"))["spec"]["keys"]
    assert keys.keys() == {"overlapHours", "rotate"}
    after = await tenant.have("Secret", "acme-credentials")
    assert after["data"]["read-write"] != before["data"]["read-write"]
    secrets = {base64.b64decode(each["data"]["read-write"]).decode() for each in (before, after)}
    assert not any(secret in told for secret in secrets)
    await tenant.change(STORE.name, "acme", plan="gone")
    assert "and the former are void" in (await run("rotate-key", "acme", "--revoke", "--wait")).stderr, "refused, too"
    await tenant.change(STORE.name, "acme", paused=True)
    told = (await run("rotate-key", "acme", "--wait", code=1)).stderr
    assert f"when that is over: kubectl vectorstore resume acme -n {tenant.namespace}" in told
    await tenant.until(STORE.name, "acme", lambda store: "waits" in condition(store, "Progressing")["message"])
    assert "and spec.keys.rotate: " in (await run("status", "acme", code=3)).stdout


async def test_a_wait_for_what_is_refused_ends_at_once(run: Run, tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan, quota={"documents": 100_000_000})
    assert "Error: acme: spec.quota.documents: 100000000" in (await run("wake", "acme", "--wait", code=1)).stderr


async def test_a_store_that_is_not_there_names_those_that_are(run: Run, tenant: Tenant) -> None:
    await tenant.store("acme")
    for verb in ("status", "logs"):
        told = (await run(verb, "nope", code=1)).stderr
        assert told.startswith(f"Error: there is no store 'nope' in namespace {tenant.namespace}; there are: acme")


async def test_a_store_without_a_pod_cannot_be_connected_to(run: Run, tenant: Tenant) -> None:
    await tenant.store("acme")
    assert (
        "no pod of acme answers; see why: kubectl vectorstore status acme"
        in (await run("connect", "acme", code=1)).stderr
    )
    no_log = (await run("logs", "acme", code=1)).stderr
    assert "acme has no pod acme-0; it has: none" in no_log
    assert f"see: kubectl vectorstore status acme -n {tenant.namespace}" in no_log


async def test_missing_rights_are_named(run: Run, served: ApiServer, tenant: Tenant, tmp_path: Path) -> None:
    token = await _token(tenant, served)
    for given, told in ((token, "cannot list resource"), ("nonsense", "log in again, or choose another --context")):
        config = json.loads(served.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": given}
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(config))
        assert told in (await run("get", code=1, KUBECONFIG=str(file))).stderr


async def _token(tenant: Tenant, served: ApiServer) -> str:
    """Of somebody who may do nothing."""
    path = f"/api/v1/namespaces/{tenant.namespace}/serviceaccounts"
    head = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}}
    assert served.call("POST", path, head)[0] == 201
    status, answer = served.call("POST", f"{path}/nobody/token", {"spec": {}})
    assert status == 201, answer
    return str(answer["status"]["token"])


async def test_a_cluster_that_is_not_there_is_named(run: Run, served: ApiServer, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("nonsense: [")
    assert "not a kubeconfig" in (await run("get", code=1, KUBECONFIG=str(file))).stderr
    config = json.loads(served.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file.write_text(json.dumps(config))
    assert "the API server gives no answer" in (await run("get", code=1, KUBECONFIG=str(file))).stderr
    told = (await run("get", "--context", "prod", code=1)).stderr
    assert f"Error: --context: {served.kubeconfig} has no context 'prod'; there are: test" in told


async def test_the_contexts_namespace_is_the_default(
    run: Run, served: ApiServer, tenant: Tenant, tmp_path: Path
) -> None:
    await tenant.store("acme")
    config = json.loads(served.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = tenant.namespace
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    done = await command(PLUGIN, "get", "-o", "name", "--kubeconfig", str(file))
    assert done.stdout == "vectorstore.vectorstore.dev/acme\n"


async def test_kubectl_asks_what_completes_a_name(served: ApiServer, tenant: Tenant) -> None:
    await tenant.store("acme")
    code = "from vectorstore_operator.cli.completion import kubectl; kubectl()"
    done = await command(code, "status", "-n", tenant.namespace, "a", KUBECONFIG=str(served.kubeconfig))
    assert done.stdout == "acme\n:4\n"


async def done(tenant: Tenant, name: str, **status: Any) -> None:
    """Says of a backup, as soon as it is there, what an operator would."""
    backup = await tenant.until(BACKUP.name, name)
    body = {key: backup[key] for key in ("apiVersion", "kind")}
    body["metadata"] = {"name": name, "namespace": tenant.namespace}
    told = {"observedGeneration": backup["metadata"]["generation"], "phase": "Completed"}
    body["status"] = {**told, "takenAt": "2026-01-01T00:00:00Z", "documents": 3, "size": 2048, **status}
    await tenant.cluster.apply(body, "status")


async def test_a_backup_is_made_and_waited_for(run: Run, tenant: Tenant) -> None:
    await tenant.store("acme")
    made, _ = await asyncio.gather(run("backup", "acme", "--as", "first", "--delete-with"), done(tenant, "first"))
    assert (made.stdout, "3 documents, 2.0 KiB" in made.stderr) == ("first\n", True)
    backup = await tenant.have(BACKUP.name, "first")
    assert backup["spec"] == {"store": "acme", "deletionPolicy": "Delete"}
    assert "kubectl-vectorstore" in {entry["manager"] for entry in backup["metadata"]["managedFields"]}
    assert "--as: there is a backup 'first'" in (await run("backup", "acme", "--as", "first", code=1)).stderr
    named = (await run("backup", "acme", "--no-verify", "--no-wait")).stdout.strip()
    assert (await tenant.have(BACKUP.name, named))["spec"] == {"store": "acme", "verify": False}
    late = (await run("backup", "acme", "--as", "late", "--timeout", "1", code=1)).stderr
    assert (
        f"late: not done after 1 s, and going on; see: kubectl vectorstore backups acme -n {tenant.namespace}" in late
    )


async def test_backups_are_listed_as_a_table_as_json_and_by_name(run: Run, tenant: Tenant) -> None:
    await tenant.store("acme")
    assert "make one: kubectl vectorstore backup acme" in (await run("backups", "acme")).stderr
    await run("backup", "acme", "--as", "first", "--no-wait")
    await done(tenant, "first")
    head, line = (await run("backups")).stdout.splitlines()
    assert head.split() == ["BACKUP", "STORE", "STATE", "TAKEN", "DOCUMENTS", "SIZE", "VERIFIED", "AGE"]
    assert line.split()[:7] == ["first", "acme", "Completed", "2026-01-01T00:00:00Z", "3", "2.0", "KiB"]
    assert json.loads((await run("backups", "acme", "-o", "json")).stdout)[0]["documents"] == 3
    assert (await run("backups", "-o", "name")).stdout == "vectorstorebackup.vectorstore.dev/first\n"
    assert (await run("backups", "other")).stdout == ""


async def test_a_restore_is_asked_for_once_and_waited_for(run: Run, tenant: Tenant, served: ApiServer) -> None:
    await tenant.store("acme")
    await run("backup", "acme", "--as", "first", "--no-wait")
    not_yet = (await run("restore", "acme", "--backup", "first", "--yes", code=1)).stderr
    assert "--backup: first is Pending, not Completed" in not_yet
    assert "there is no backup 'nope'" in (await run("restore", "acme", "--backup", "nope", "--yes", code=1)).stderr
    await done(tenant, "first")
    asked = (await run("restore", "acme", "--backup", "first", code=2)).stderr
    assert f"acme will hold what first of {tenant.namespace}/acme, taken at 2026-01-01T00:00:00Z, holds" in asked
    assert "restore" not in (await tenant.have(STORE.name, "acme"))["spec"], "nobody said yes"

    async def carried_out() -> None:
        store = await tenant.until(STORE.name, "acme", lambda store: store["spec"].get("restore"))
        assert store["spec"]["restore"]["backup"] == {"name": "first"}
        restore = {"phase": "Restored", "request": store["spec"]["restore"]["request"], "documents": 3}
        await tell(tenant, "acme", "Serving", restore=restore)

    told, _ = await asyncio.gather(run("restore", "acme", "--backup", "first", "--yes"), carried_out())
    assert "acme holds what first holds; proven: 3 documents compared" in told.stderr
    code = "from vectorstore_operator.cli.completion import kubectl; kubectl()"
    words = ("restore", "acme", "-n", tenant.namespace, "--backup", "f")
    assert (await command(code, *words, KUBECONFIG=str(served.kubeconfig))).stdout == "first\n:4\n"
