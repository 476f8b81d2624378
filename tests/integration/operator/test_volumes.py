"""Volumes outlive a store or go with it, as its deletion policy says. Claims are made by hand: no controller runs."""

from __future__ import annotations

import pytest
from tests.integration.operator.conftest import Start
from tests.support.operators import Object, Tenant, accepted, condition, refused, wait_until

from vectorstore_operator import names

pytestmark = pytest.mark.apiserver


async def claim(
    tenant: Tenant, ordinal: int, size: str = "10Gi", *, labelled: bool = True, storage_class: str | None = None
) -> Object:
    """A claim as the StatefulSet controller makes it, or one made by hand, without the template's labels."""
    return await tenant.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": names.claim("acme", ordinal),
                "namespace": tenant.namespace,
                "labels": names.labels("acme") if labelled else {},
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
                "storageClassName": storage_class,
            },
        }
    )


async def pod(tenant: Tenant, ordinal: int) -> Object:
    return await tenant.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"acme-{ordinal}",
                "namespace": tenant.namespace,
                "labels": names.labels("acme"),
            },
            "spec": {"containers": [{"name": "instance", "image": "example.invalid/instance:1"}]},
        }
    )


def owners(obj: Object) -> list[str]:
    return [reference["uid"] for reference in obj["metadata"].get("ownerReferences", ())]


async def test_the_deletion_policy_is_an_owner_reference_on_the_claims(tenant: Tenant, start: Start, plan: str) -> None:
    operator = start()
    store = await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    name = (await claim(tenant, 0))["metadata"]["name"]
    looks = operator.value("reconciles_total")
    wait_until(lambda: operator.value("reconciles_total") >= looks and operator.settled())
    assert owners(await tenant.have("PersistentVolumeClaim", name)) == []

    await tenant.change("VectorStore", "acme", deletionPolicy="Delete")
    await tenant.until("PersistentVolumeClaim", name, lambda obj: owners(obj) == [store["metadata"]["uid"]])
    await tenant.change("VectorStore", "acme", deletionPolicy="Retain")
    await tenant.until("PersistentVolumeClaim", name, lambda obj: owners(obj) == [])


async def test_a_volume_that_was_there_before_the_store_is_taken_in(tenant: Tenant, start: Start, plan: str) -> None:
    name = (await claim(tenant, 0, "10e9", labelled=False))["metadata"]["name"]
    start()
    store = await tenant.store("acme", plan=plan, deletionPolicy="Delete")
    await tenant.until("PersistentVolumeClaim", name, lambda obj: owners(obj) == [store["metadata"]["uid"]])
    taken = await tenant.have("PersistentVolumeClaim", name)
    assert names.labels("acme").items() <= taken["metadata"]["labels"].items()
    template = (await tenant.until("StatefulSet", "acme"))["spec"]["volumeClaimTemplates"][0]
    assert template["spec"]["resources"]["requests"]["storage"] == "9765625Ki"
    await tenant.change("VectorStore", "acme", deletionPolicy="Retain")
    await tenant.until("PersistentVolumeClaim", name, lambda obj: owners(obj) == [])
    left = await tenant.have("PersistentVolumeClaim", name)
    assert names.labels("acme").items() <= left["metadata"]["labels"].items()


async def test_claims_of_followers_go_when_they_are_not_wanted_and_their_pods_are_gone(
    tenant: Tenant, start: Start, plan: str
) -> None:
    start()
    await tenant.store("acme", plan=plan, replicas=3)
    await tenant.until("StatefulSet", "acme", lambda obj: obj["spec"]["replicas"] == 3)
    for ordinal in range(3):
        await claim(tenant, ordinal)
    follower = await pod(tenant, 1)

    await tenant.change("VectorStore", "acme", replicas=1)

    def going(obj: Object) -> bool:
        return "deletionTimestamp" in obj["metadata"]

    await tenant.until("PersistentVolumeClaim", names.claim("acme", 2), going)
    assert not going(await tenant.have("PersistentVolumeClaim", names.claim("acme", 1)))
    await tenant.cluster.delete(follower)
    await tenant.until("PersistentVolumeClaim", names.claim("acme", 1), going)
    assert not going(await tenant.have("PersistentVolumeClaim", names.claim("acme", 0)))


async def test_a_store_takes_up_the_volume_that_a_former_one_left(tenant: Tenant, start: Start, plan: str) -> None:
    await claim(tenant, 0, size="20Gi")
    start()
    await tenant.store("acme", plan=plan)
    made = await tenant.until("StatefulSet", "acme")
    (template,) = made["spec"]["volumeClaimTemplates"]
    assert template["spec"]["resources"]["requests"]["storage"] == "20Gi"


async def test_a_volume_that_somebody_else_has_is_not_taken(tenant: Tenant, start: Start, plan: str) -> None:
    made = await claim(tenant, 0, labelled=False)
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "0000"}
    await tenant.cluster.patch(made, {"metadata": {"ownerReferences": [owner]}})
    start()
    await tenant.store("acme", plan=plan)
    store = await tenant.until("VectorStore", "acme", refused("NameConflict"))
    message = condition(store, "Accepted")["message"]
    assert "PersistentVolumeClaim data-acme-0: exists and belongs to ConfigMap theirs" in message
    assert await tenant.get("StatefulSet", "acme") is None
    assert names.STORE_LABEL not in (await tenant.have("PersistentVolumeClaim", "data-acme-0"))["metadata"].get(
        "labels", {}
    )


async def test_the_volume_of_somebody_elses_statefulset_is_left_alone(tenant: Tenant, start: Start, plan: str) -> None:
    made = await claim(tenant, 0, labelled=False)
    labels = {"app": "theirs"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "example.invalid/c"}]}}
    spec = {"selector": {"matchLabels": labels}, "serviceName": "acme", "template": template}
    head = {"name": "acme", "namespace": tenant.namespace}
    await tenant.cluster.create({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": head, "spec": spec})
    start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", refused("NameConflict"))
    assert await tenant.have("PersistentVolumeClaim", "data-acme-0") == made


@pytest.mark.parametrize(
    ("size", "spec", "reason", "says"),
    [
        ("1Gi", {}, "StorageTooSmall", "storage.size: 1Gi hold no document"),
        ("10Gi", {"storage": {"className": "other"}}, "StorageClassDiffers", "data-acme-0, is of StorageClass 'first'"),
        ("10Gi", {"storage": {"size": "9Gi"}}, None, ""),
    ],
)
async def test_a_volume_that_does_not_fit_the_store_says_so(
    tenant: Tenant, start: Start, plan: str, size: str, spec: Object, reason: str | None, says: str
) -> None:
    await claim(tenant, 0, size, storage_class="first")
    start()
    await tenant.store("acme", plan=plan, **spec)
    if reason:
        store = await tenant.until("VectorStore", "acme", refused(reason))
        assert says in condition(store, "Accepted")["message"]
    else:
        await tenant.until("VectorStore", "acme", accepted)
        (template,) = (await tenant.until("StatefulSet", "acme"))["spec"]["volumeClaimTemplates"]
        assert template["spec"]["resources"]["requests"]["storage"] == size
        assert template["spec"]["storageClassName"] == "first"


async def test_a_volume_that_is_taken_in_is_told_of(tenant: Tenant, start: Start, plan: str) -> None:
    await claim(tenant, 0, labelled=False)
    start()
    await tenant.store("acme", plan=plan)
    told = await tenant.told("VolumeAdopted")
    assert told["note"] == "claim data-acme-0 was there already, with 10Gi: the store takes up what it holds"
