"""Volumes that grow around their pods, and volumes that are refused. No controller runs: the test plays them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from tests.integration.operator.conftest import Start
from tests.support.apiserver import ApiServer
from tests.support.operators import Object, Tenant, accepted, condition, refused, wait_until

from vectorstore_operator import names

pytestmark = pytest.mark.apiserver

MERGE = "application/merge-patch+json"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
VOLUMES = "/api/v1/persistentvolumes"


@pytest.fixture(scope="module")
def classes(served: ApiServer) -> Iterator[dict[str, str]]:
    """Names of StorageClasses by what they are."""
    made = {kind: f"{kind}-{uuid4().hex[:8]}" for kind in ("grows", "stiff", "shared")}
    for kind, name in made.items():
        body = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name},
            "provisioner": "nfs.csi.k8s.io" if kind == "shared" else "block.csi.example",
            "allowVolumeExpansion": kind != "stiff",
        }
        assert served.call("POST", CLASSES, body)[0] == 201
    yield made
    for name in made.values():
        served.call("DELETE", f"{CLASSES}/{name}")


class Driver:
    """The parts of a cluster that make pods and volumes."""

    def __init__(self, server: ApiServer, tenant: Tenant) -> None:
        self._server, self._tenant = server, tenant
        self._root = f"/api/v1/namespaces/{tenant.namespace}"

    async def claim(
        self, ordinal: int, storage_class: str, size: str = "10Gi", *, bound: bool = True, **spec: str
    ) -> str:
        """A claim, which has its volume."""
        name = names.claim("acme", ordinal)
        requests = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        await self._tenant.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name, "namespace": self._tenant.namespace, "labels": names.labels("acme")},
                "spec": requests | {"storageClassName": storage_class} | spec,
            }
        )
        if bound:
            self.answer(name, phase="Bound", capacity={"storage": size})
        return name

    def answer(self, claim: str, **status: object) -> None:
        """What the driver says of a claim."""
        code, body = self._server.call(
            "PATCH", f"{self._root}/persistentvolumeclaims/{claim}/status", {"status": status}, MERGE
        )
        assert code == 200, body

    async def pod(self, ordinal: int, owner: Object) -> str:
        """A pod of a StatefulSet that is ready; its uid."""
        reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "acme", "uid": owner["metadata"]["uid"]}
        made = await self._tenant.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"acme-{ordinal}",
                    "namespace": self._tenant.namespace,
                    "labels": names.labels("acme"),
                    "ownerReferences": [reference],
                },
                "spec": {"containers": [{"name": "instance", "image": "example.invalid/instance:1"}]},
            }
        )
        status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        assert self._server.call("PATCH", f"{self._root}/pods/acme-{ordinal}/status", status, MERGE)[0] == 200
        return str(made["metadata"]["uid"])

    def run(self, stateful_set: Object) -> None:
        """The StatefulSet controller's part: all its pods are there and ready."""
        wanted, generation = stateful_set["spec"]["replicas"], stateful_set["metadata"]["generation"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), wanted)
        revisions = {"currentRevision": "r", "updateRevision": "r"}
        path = f"/apis/apps/v1/namespaces/{self._tenant.namespace}/statefulsets/acme/status"
        status = {"observedGeneration": generation} | counts | revisions
        assert self._server.call("PATCH", path, {"status": status}, MERGE)[0] == 200

    def let_go(self) -> None:
        """The garbage collector's part of an orphaning deletion."""
        path = f"/apis/apps/v1/namespaces/{self._tenant.namespace}/statefulsets/acme"
        assert self._server.call("PATCH", path, {"metadata": {"finalizers": []}}, MERGE)[0] == 200


@pytest.fixture
def driver(served: ApiServer, tenant: Tenant) -> Driver:
    return Driver(served, tenant)


def size(claim: Object) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])


def healthy(reason: str) -> Callable[[Object], bool]:
    return lambda store: bool(condition(store, "StorageHealthy").get("reason") == reason)


@pytest.mark.parametrize("interrupted", [False, True])
async def test_volumes_grow_and_the_statefulset_is_made_anew_around_its_pods(
    tenant: Tenant, start: Start, plan: str, classes: dict[str, str], driver: Driver, interrupted: bool
) -> None:
    operator = start()
    await tenant.store("acme", plan=plan, replicas=2, storage={"className": classes["grows"], "size": "10Gi"})
    first = await tenant.until("StatefulSet", "acme")
    claims = [await driver.claim(ordinal, classes["grows"]) for ordinal in range(2)]
    pods = [await driver.pod(ordinal, first) for ordinal in range(2)]
    driver.run(first)
    await tenant.until("VectorStore", "acme", lambda obj: condition(obj, "Ready").get("status") == "True")

    await tenant.change("VectorStore", "acme", storage={"size": "20Gi"})
    for claim in claims:
        await tenant.until("PersistentVolumeClaim", claim, lambda obj: size(obj) == "20Gi")
    going = await tenant.until("StatefulSet", "acme", lambda obj: "deletionTimestamp" in obj["metadata"])
    assert (going["metadata"]["uid"], going["metadata"]["finalizers"]) == (first["metadata"]["uid"], ["orphan"])
    store = await tenant.until("VectorStore", "acme", healthy("Growing"))
    assert condition(store, "Ready")["reason"] == "Serving"
    if interrupted:  # between the deletion of the one and the making of the other
        operator.process.kill()
        operator.process.wait()
    driver.let_go()
    if interrupted:
        start()

    again = await tenant.until("StatefulSet", "acme", lambda obj: obj["metadata"]["uid"] != first["metadata"]["uid"])
    (template,) = again["spec"]["volumeClaimTemplates"]
    assert (size(template), template["spec"]["storageClassName"]) == ("20Gi", classes["grows"])
    assert again["spec"]["template"] == first["spec"]["template"]
    assert [(await tenant.have("Pod", f"acme-{i}"))["metadata"]["uid"] for i in range(2)] == pods
    await tenant.told("VolumeGrows")

    pending = {"type": "FileSystemResizePending", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    driver.answer(claims[0], conditions=[pending])
    await tenant.until("VectorStore", "acme", healthy("FileSystemResizePending"))
    for claim in claims:
        driver.answer(claim, conditions=[], capacity={"storage": "20Gi"})
    store = await tenant.until("VectorStore", "acme", healthy("Bound"))
    told = store["status"]["storage"]
    assert (told["size"], told["capacity"], told["requested"]) == ("20Gi", "20Gi", "20Gi")
    assert "grownAt" in told

    await tenant.change("VectorStore", "acme", storage={"size": None})
    await tenant.change("VectorStore", "acme", storage={"size": "10Gi"})
    await tenant.until("VectorStore", "acme", refused("StorageShrinks"))


async def test_a_claim_that_waits_for_its_volume_grows_when_it_has_it_and_holds_up_nothing(
    tenant: Tenant, start: Start, plan: str, classes: dict[str, str], driver: Driver
) -> None:
    start()
    await tenant.store("acme", plan=plan, replicas=2, storage={"className": classes["grows"], "size": "10Gi"})
    await tenant.until("StatefulSet", "acme")
    await driver.claim(0, classes["grows"])
    waits = await driver.claim(1, classes["grows"], bound=False)
    await tenant.change("VectorStore", "acme", storage={"size": "12Gi"})
    await tenant.until("PersistentVolumeClaim", "data-acme-0", lambda claim: size(claim) == "12Gi")
    await tenant.until("StatefulSet", "acme", lambda obj: "deletionTimestamp" in obj["metadata"])
    driver.let_go()
    await tenant.until("StatefulSet", "acme", lambda obj: size(obj["spec"]["volumeClaimTemplates"][0]) == "12Gi")
    assert accepted(await tenant.have("VectorStore", "acme"))
    driver.answer(waits, phase="Bound", capacity={"storage": "10Gi"})
    await tenant.until("PersistentVolumeClaim", waits, lambda claim: size(claim) == "12Gi")


async def test_a_class_that_lets_nothing_grow_is_told(
    tenant: Tenant, start: Start, plan: str, classes: dict[str, str], driver: Driver
) -> None:
    start()
    await tenant.store("acme", plan=plan, storage={"className": classes["stiff"], "size": "10Gi"})
    first = await tenant.until("StatefulSet", "acme")
    claim = await driver.claim(0, classes["stiff"])
    await tenant.change("VectorStore", "acme", storage={"size": "20Gi"})
    store = await tenant.until("VectorStore", "acme", refused("StorageCannotGrow"))
    assert "does not allow it (allowVolumeExpansion)" in condition(store, "Accepted")["message"]
    assert size(await tenant.have("PersistentVolumeClaim", claim)) == "10Gi"
    assert (await tenant.have("StatefulSet", "acme"))["metadata"]["uid"] == first["metadata"]["uid"]
    await tenant.change("VectorStore", "acme", storage={"size": None})
    await tenant.until("VectorStore", "acme", accepted)


async def test_a_volume_that_fills_grows_by_itself(
    served: ApiServer, tenant: Tenant, start: Start, plan: str, classes: dict[str, str], driver: Driver
) -> None:
    auto = {"step": "2Gi", "max": "20Gi"}
    await tenant.change("VectorStorePlan", plan, storage={"size": "10Gi", "autoGrow": auto})
    operator = start()
    await tenant.store("acme", plan=plan, storage={"className": classes["grows"]})
    await tenant.until("StatefulSet", "acme")
    claim = await driver.claim(0, classes["grows"])
    await tenant.until("VectorStore", "acme", healthy("Bound"))
    path = f"/apis/vectorstore.dev/v1alpha1/namespaces/{tenant.namespace}/vectorstores/acme/status"
    wait_until(operator.settled)
    assert served.call("PATCH", path, {"status": {"bytes": 9 << 30}}, MERGE)[0] == 200
    await tenant.until("PersistentVolumeClaim", claim, lambda obj: size(obj) == "12Gi")
    store = await tenant.until("VectorStore", "acme", healthy("Growing"))
    assert "grownAt" in store["status"]["storage"]
    # Full again at once: the next step waits.
    wait_until(operator.settled)
    assert served.call("PATCH", path, {"status": {"bytes": 11 << 30}}, MERGE)[0] == 200
    wait_until(operator.settled)
    driver.answer(claim, capacity={"storage": "12Gi"})
    store = await tenant.until("VectorStore", "acme", healthy("NearlyFull"))
    assert "it grows by itself in 360 minutes" in condition(store, "StorageHealthy")["message"]
    assert size(await tenant.have("PersistentVolumeClaim", claim)) == "12Gi"


async def test_network_file_systems_are_refused(
    served: ApiServer, tenant: Tenant, start: Start, plan: str, classes: dict[str, str], driver: Driver
) -> None:
    start()
    await tenant.store("fresh", plan=plan, storage={"className": classes["shared"]})
    await tenant.until("VectorStore", "fresh", refused("NetworkFileSystem"))
    assert await tenant.get("StatefulSet", "fresh") is None

    volume = f"nfs-{tenant.namespace}"
    spec = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "nfs": {"server": "nfs.invalid", "path": "/"},
        "storageClassName": "",
    }
    body = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": spec}
    assert served.call("POST", VOLUMES, body)[0] == 201
    try:
        await driver.claim(0, "", volumeName=volume)
        await tenant.store("acme", plan=plan)
        store = await tenant.until("VectorStore", "acme", refused("NetworkFileSystem"))
        assert "claim data-acme-0 is on nfs, a network file system" in condition(store, "Accepted")["message"]
    finally:
        served.call("DELETE", f"{VOLUMES}/{volume}")
