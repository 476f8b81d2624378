"""From a manifest to its children, and back to them whatever happens."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.operator.conftest import Start
from tests.support.operators import Tenant, accepted, condition, refused, wait_until

pytestmark = pytest.mark.apiserver

CHILDREN = {
    ("ServiceAccount", "acme"),
    ("Secret", "acme-credentials"),
    ("Secret", "acme-keys"),
    ("ConfigMap", "acme-limits"),
    ("Service", "acme"),
    ("Service", "acme-headless"),
    ("NetworkPolicy", "acme"),
    ("StatefulSet", "acme"),
    ("HorizontalPodAutoscaler", "acme"),
}


async def test_a_store_gets_all_its_children_and_owns_them(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    store = await tenant.store("acme", plan=plan)
    store = await tenant.until("VectorStore", "acme", accepted)
    for kind, name in CHILDREN:
        (owner,) = (await tenant.have(kind, name))["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("VectorStore", "acme", store["metadata"]["uid"])
        assert owner["controller"]
    assert store["status"]["url"] == f"http://acme.{tenant.namespace}.svc:8000"
    assert store["status"]["secret"] == "acme-credentials"
    assert store["status"]["plan"] == plan


async def test_children_that_are_deleted_or_edited_come_back(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    for kind, name in CHILDREN - {("Secret", "acme-credentials")}:
        former = await tenant.have(kind, name)
        await tenant.cluster.delete(former)
        await tenant.until(kind, name, other_than(former))

    service = await tenant.have("Service", "acme")
    await tenant.cluster.patch(service, {"spec": {"ports": [{"name": "http", "port": 1, "targetPort": 1}]}})
    await tenant.until("Service", "acme", lambda obj: obj["spec"]["ports"] == service["spec"]["ports"])
    await tenant.cluster.patch(
        await tenant.have("Service", "acme"), {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}
    )
    await tenant.until("Service", "acme", lambda obj: obj["metadata"]["labels"] == service["metadata"]["labels"])


@pytest.mark.parametrize(
    ("kind", "name", "added"),
    [
        ("NetworkPolicy", "acme", {"spec": {"podSelector": {"matchLabels": {"x": "y"}}}}),
        ("Service", "acme", {"spec": {"selector": {"x": "y"}}}),
        ("StatefulSet", "acme", {"spec": {"template": {"spec": {"nodeSelector": {"x": "y"}}}}}),
        ("StatefulSet", "acme", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 3}}}}),
        ("HorizontalPodAutoscaler", "acme", {"spec": {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}}),
        ("ConfigMap", "acme-limits", {"data": {"more": "1"}}),
    ],
)
async def test_what_is_added_to_a_child_goes(
    tenant: Tenant, start: Start, plan: str, kind: str, name: str, added: dict[str, Any]
) -> None:
    start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    part = next(iter(added))
    before = (await tenant.until(kind, name))[part]
    edited = await tenant.cluster.patch(await tenant.have(kind, name), added)
    assert edited[part] != before
    await tenant.until(kind, name, lambda obj: obj[part] == before)


async def test_a_restart_by_hand_is_not_taken_back(tenant: Tenant, start: Start, plan: str) -> None:
    operator = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    asked = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    await tenant.cluster.patch(await tenant.until("StatefulSet", "acme"), asked)
    await tenant.cluster.delete(await tenant.have("Service", "acme"))
    await tenant.until("Service", "acme")
    wait_until(operator.settled)
    annotations = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]["metadata"]["annotations"]
    assert annotations == asked["spec"]["template"]["metadata"]["annotations"]


async def test_a_restart_and_a_second_look_write_nothing(tenant: Tenant, start: Start, plan: str) -> None:
    first = start()
    for name in ("acme", "bravo"):
        await tenant.store(name, plan=plan)
    await tenant.store("wrong", plan=plan, quota={"documents": 10**6})
    for name in ("acme", "bravo"):
        await tenant.until("VectorStore", name, accepted)
    await tenant.until("VectorStore", "wrong", refused("QuotaAbovePlan"))
    await tenant.until("VectorStorePlan", plan, lambda found: found["status"].get("stores") == 2)
    wait_until(first.settled)
    before = await tenant.versions()
    assert first.stop() == 0

    second = start()
    wait_until(second.settled)
    assert second.writes() == []
    looks = second.value("reconciles_total")
    service = await tenant.have("Service", "acme")
    await tenant.cluster.patch(service, {"metadata": {"annotations": {"a.stranger/says": "hello"}}})
    wait_until(lambda: second.value("reconciles_total") > looks and second.settled())
    assert second.writes() == []
    after = await tenant.versions()
    assert after.pop(("Service", "acme")) != before.pop(("Service", "acme"))
    assert after == before


async def test_an_invalid_store_keeps_its_last_good_state_and_the_others_go_on(
    tenant: Tenant, start: Start, plan: str
) -> None:
    operator = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    wait_until(operator.settled)
    before = await tenant.versions()
    await tenant.change("VectorStore", "acme", quota={"documents": 2000})
    store = await tenant.until("VectorStore", "acme", refused("QuotaAbovePlan"))
    assert "2000" in condition(store, "Accepted")["message"]
    await tenant.store("bravo", plan=plan)
    await tenant.until("VectorStore", "bravo", accepted)
    after = await tenant.versions()
    assert {k: after[k] for k in CHILDREN} == {k: before[k] for k in CHILDREN}
    await tenant.told("QuotaAbovePlan")

    await tenant.change("VectorStore", "acme", quota={"documents": 500})
    await tenant.until("VectorStore", "acme", accepted)
    assert limits(await tenant.have("ConfigMap", "acme-limits"))["max_documents"] == 500


async def test_a_store_whose_plan_is_unknown_waits_for_it(tenant: Tenant, start: Start) -> None:
    start()
    name = f"late-{tenant.namespace}"
    await tenant.store("acme", plan=name)
    await tenant.until("VectorStore", "acme", refused("PlanNotFound"))
    made = await tenant.plan(name)
    try:
        await tenant.until("VectorStore", "acme", accepted)
        await tenant.cluster.delete(made)
        await tenant.until("VectorStore", "acme", refused("PlanNotFound"))
        assert await tenant.get("StatefulSet", "acme")
    finally:
        await tenant.cluster.delete(made)


async def test_a_plan_that_cannot_hold_its_promise_says_so(tenant: Tenant, start: Start) -> None:
    start()
    name = f"tiny-{tenant.namespace}"
    made = await tenant.plan(name, documents=10**6, memory="64Mi")
    try:
        plan = await tenant.until("VectorStorePlan", name, refused("PlanTooSmall"))
        assert "memory 64Mi" in condition(plan, "Accepted")["message"]
        await tenant.store("acme", plan=name)
        await tenant.until("VectorStore", "acme", refused("PlanTooSmall"))
        assert await tenant.get("StatefulSet", "acme") is None
    finally:
        await tenant.cluster.delete(made)


async def test_somebody_elses_statefulset_of_that_name_is_left_alone(tenant: Tenant, start: Start, plan: str) -> None:
    labels = {"app": "theirs"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "example.invalid/c"}]}}
    theirs = await tenant.cluster.create(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "acme", "namespace": tenant.namespace},
            "spec": {"selector": {"matchLabels": labels}, "serviceName": "acme", "template": template},
        }
    )
    start()
    await tenant.store("acme", plan=plan)
    store = await tenant.until("VectorStore", "acme", refused("NameConflict"))
    assert "StatefulSet" in condition(store, "Accepted")["message"]
    assert await tenant.have("StatefulSet", "acme") == theirs
    assert await tenant.get("Service", "acme") is None


async def test_somebody_elses_object_of_a_childs_name_is_left_alone(tenant: Tenant, start: Start, plan: str) -> None:
    head = {"name": "acme-limits", "namespace": tenant.namespace}
    theirs = await tenant.cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": head})
    operator = start()
    await tenant.store("acme", plan=plan)
    store = await tenant.until("VectorStore", "acme", refused("NameConflict"))
    assert "ConfigMap acme-limits" in condition(store, "Accepted")["message"]
    wait_until(operator.settled)
    assert await tenant.have("ConfigMap", "acme-limits") == theirs
    assert await tenant.get("StatefulSet", "acme") is None


async def test_a_child_that_lost_its_labels_while_nobody_looked_is_found(
    tenant: Tenant, start: Start, plan: str
) -> None:
    first = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    wait_until(first.settled)
    assert first.stop() == 0
    limits = await tenant.have("ConfigMap", "acme-limits")
    bare = {"metadata": {"labels": None}}
    await tenant.cluster.patch(limits, bare)
    start()
    found = await tenant.until("ConfigMap", "acme-limits", lambda obj: obj["metadata"].get("labels"))
    assert found["metadata"]["uid"] == limits["metadata"]["uid"]
    assert found["metadata"]["labels"] == limits["metadata"]["labels"]


async def test_somebody_elses_credentials_of_that_name_are_left_alone(tenant: Tenant, start: Start, plan: str) -> None:
    head = {"name": "acme-credentials", "namespace": tenant.namespace}
    theirs = await tenant.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": head})
    start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", refused("NameConflict"))
    assert await tenant.have("Secret", "acme-credentials") == theirs


async def test_a_changed_quota_changes_the_limits_alone_and_a_changed_plan_the_pods(
    tenant: Tenant, start: Start, plan: str
) -> None:
    operator = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    wait_until(operator.settled)
    before = await tenant.versions()
    await tenant.change("VectorStore", "acme", quota={"documents": 7})
    config = await tenant.until("ConfigMap", "acme-limits", lambda obj: limits(obj)["max_documents"] == 7)
    assert limits(config)["plan"] == plan
    await tenant.until("VectorStore", "acme", accepted)
    wait_until(operator.settled)
    after = await tenant.versions()
    assert {k for k in CHILDREN if after[k] != before[k]} == {("ConfigMap", "acme-limits")}

    template = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]
    await tenant.change("VectorStorePlan", plan, cpu={"limit": "2"})
    changed = await tenant.until("StatefulSet", "acme", lambda obj: obj["spec"]["template"] != template)
    assert changed["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "2"


async def test_keys_are_made_once_and_made_anew_only_when_they_are_gone(
    tenant: Tenant, start: Start, plan: str
) -> None:
    operator = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    first = await tenant.have("Secret", "acme-credentials")
    digests = await tenant.have("Secret", "acme-keys")
    key = base64.b64decode(first["data"]["read-write"]).decode()
    assert len(base64.urlsafe_b64decode(key + "=")) == 32
    assert key not in base64.b64decode(digests["data"]["read-write"]).decode()

    rotated = base64.b64encode(b"rotated-by-hand").decode()
    await tenant.cluster.patch(first, {"data": {"read-write": rotated}})
    await tenant.until("Secret", "acme-keys", lambda obj: obj["data"] != digests["data"])
    wait_until(operator.settled)
    kept = await tenant.have("Secret", "acme-credentials")
    assert kept["data"]["read-write"] == rotated
    assert await tenant.events("CredentialsRecreated") == []

    await tenant.delete("Secret", "acme-credentials")
    anew = await tenant.until("Secret", "acme-credentials", other_than(first))
    assert anew["data"]["read-only"] != first["data"]["read-only"]
    await tenant.told("CredentialsRecreated")


async def test_a_paused_store_is_left_as_it_is(tenant: Tenant, start: Start, plan: str) -> None:
    operator = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    await tenant.change("VectorStore", "acme", paused=True, quota={"documents": 5})
    await tenant.until("VectorStore", "acme", accepted)
    looks = operator.value("reconciles_total")
    await tenant.delete("Service", "acme")
    wait_until(lambda: operator.value("reconciles_total") > looks and operator.settled())
    assert await tenant.get("Service", "acme") is None
    assert limits(await tenant.have("ConfigMap", "acme-limits"))["max_documents"] == 1000

    await tenant.change("VectorStore", "acme", paused=False)
    await tenant.until("Service", "acme")
    await tenant.until("ConfigMap", "acme-limits", lambda obj: limits(obj)["max_documents"] == 5)


async def test_a_hibernated_store_keeps_what_it_holds_and_wakes(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan, replicas=3)
    await tenant.until("HorizontalPodAutoscaler", "acme")
    await tenant.until("PodDisruptionBudget", "acme")
    await tenant.change("VectorStore", "acme", hibernated=True)
    await tenant.until("StatefulSet", "acme", lambda obj: obj["spec"]["replicas"] == 0)
    await tenant.until("VectorStore", "acme", lambda obj: condition(obj, "Ready").get("reason") == "Hibernated")
    await tenant.gone("HorizontalPodAutoscaler", "acme")
    await tenant.gone("PodDisruptionBudget", "acme")
    for kind, name in CHILDREN - {("HorizontalPodAutoscaler", "acme")}:
        await tenant.have(kind, name)
    await tenant.change("VectorStore", "acme", hibernated=None)
    await tenant.until("StatefulSet", "acme", lambda obj: obj["spec"]["replicas"] == 3)
    await tenant.until("HorizontalPodAutoscaler", "acme")
    await tenant.until("PodDisruptionBudget", "acme")


async def test_what_is_not_wanted_any_more_is_pruned(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan, replicas=3)
    await tenant.until("PodDisruptionBudget", "acme")
    await tenant.until("StatefulSet", "acme", lambda obj: obj["spec"]["replicas"] == 3)
    await tenant.change("VectorStore", "acme", replicas=1)
    await tenant.until("StatefulSet", "acme", lambda obj: obj["spec"]["replicas"] == 1)
    await tenant.gone("PodDisruptionBudget", "acme")


async def test_a_store_that_is_gone_leaves_its_children_to_the_garbage_collector(
    tenant: Tenant, start: Start, plan: str
) -> None:
    operator = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    await tenant.delete("VectorStore", "acme")
    wait_until(lambda: operator.value("stores") == 0 and operator.settled())
    looks = operator.value("reconciles_total")
    await tenant.delete("Service", "acme")
    wait_until(lambda: operator.value("reconciles_total") > looks and operator.settled())
    assert await tenant.get("Service", "acme") is None


def limits(config: dict[str, Any]) -> dict[str, Any]:
    (text,) = config["data"].values()
    found: dict[str, Any] = json.loads(text)
    return found


def other_than(former: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    uid = former["metadata"]["uid"]
    return lambda obj: bool(obj["metadata"]["uid"] != uid)
