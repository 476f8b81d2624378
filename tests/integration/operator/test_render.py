"""What a real API server makes of the children: accepted as they are, and afterwards nothing is left to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.apiserver import ApiServer
from tests.support.desired import PLATFORM, given_credentials, sized, store

from vectorstore_operator import diff, names
from vectorstore_operator.objects import Object, key
from vectorstore_operator.plan import Resolved
from vectorstore_operator.quantity import to_bytes
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import Platform, claims, desired

pytestmark = pytest.mark.apiserver

PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Pod": "/api/v1/namespaces/{}/pods",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
}

NAMESPACES = (f"render-{number}" for number in itertools.count())


class Tenants:
    """A namespace and what the operator has put there."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self.live: dict[tuple[str, str], Object] = {}
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        self._done(api.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace, "labels": restricted}}))

    def create(self, obj: Object) -> Object:
        made = self._done(self.api.call("POST", self._collection(obj), obj))
        self.live[key(obj)] = made
        return made

    def apply(self, obj: Object, manager: str = "vectorstore-operator") -> Object:
        path = f"{self._collection(obj)}/{obj['metadata']['name']}"
        self.live[key(obj)] = self._done(self.api.apply(path, obj, manager))
        return self.live[key(obj)]

    def converge(self, resolved: Resolved, platform: Platform = PLATFORM) -> list[tuple[str, str]]:
        """Applies what differs and tells what that was."""
        if ("Secret", names.credentials(resolved.name)) not in self.live:
            self.create(given_credentials(resolved))
        phases = desired(resolved, platform, self.live)
        assert diff.conflicts(itertools.chain(*phases), self.live) is None
        applied = [obj for phase in phases for obj in diff.to_apply(phase, self.live)]
        for obj in applied:
            self.apply(obj)
        return [key(obj) for obj in applied]

    def _collection(self, obj: Object) -> str:
        return PATHS[obj["kind"]].format(self.namespace)

    def _done(self, answer: tuple[int, Any]) -> Object:
        assert answer[0] in (200, 201), answer[1]["message"]
        made: Object = answer[1]
        return made


@pytest.fixture
def tenants(apiserver: ApiServer) -> Iterator[Tenants]:
    return Tenants(apiserver, next(NAMESPACES))


PLANS: dict[str, dict[str, Any]] = {
    "odd quantities": {
        "documents": 1000,
        "memory": "3000M",
        "cpu": {"request": "0.5", "limit": "1500m"},
        "storage": {"size": "12000M", "className": "fast", "accessMode": "ReadWriteOncePod"},
    },
    "open to others": {
        "documents": 1000,
        "replicas": {"min": 2, "max": 2},
        "network": {
            "clients": [
                {},
                {"namespaceSelector": {}},
                {"namespaceSelector": {"matchLabels": {"team": "blue"}}, "podSelector": {"matchLabels": {"a": "b"}}},
                {"ipBlock": {"cidr": "10.0.0.0/8"}},
            ]
        },
    },
    "placed": {
        "documents": 1000,
        "scratch": "1024Mi",
        "replicas": {"min": 1, "max": 2, "memoryPercent": 80},
        "scheduling": {
            "nodeSelector": {"pool": "spot"},
            "tolerations": [{"key": "spot", "effect": "NoSchedule"}, {"operator": "Exists", "effect": "NoExecute"}],
            "topologySpread": [{"topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}],
        },
    },
    "open to nobody": {"documents": 1000, "network": {"clients": []}},
}


@pytest.mark.parametrize("plan", ["starter", "standard", "performance", *PLANS])
@pytest.mark.parametrize("run_as", [10001, None])
def test_what_was_applied_is_left_alone(tenants: Tenants, plan: str, run_as: int | None) -> None:
    chosen = sized("odd", PLANS[plan]) if plan in PLANS else plan
    platform = Platform(**vars(PLATFORM) | {"run_as": run_as})
    resolved = store(chosen, namespace=tenants.namespace)
    assert ("StatefulSet", "acme") in tenants.converge(resolved, platform)
    assert tenants.converge(resolved, platform) == []
    assert diff.to_prune(desired(resolved, platform, tenants.live), tenants.live) == ()


def test_a_quota_reaches_the_limits_and_nothing_else(tenants: Tenants) -> None:
    tenants.converge(store(namespace=tenants.namespace))
    changed = store(namespace=tenants.namespace, generation=2, quota={"documents": 50})
    assert tenants.converge(changed) == [("ConfigMap", "acme-limits")]


def test_a_plan_reaches_the_pods_and_leaves_the_volumes(tenants: Tenants) -> None:
    tenants.converge(store(namespace=tenants.namespace))
    before = tenants.live["StatefulSet", "acme"]["spec"]["volumeClaimTemplates"]
    disk = before[0]["spec"]["resources"]["requests"]["storage"]

    larger = store("standard", namespace=tenants.namespace, generation=2, quota={"documents": 100_000}, replicas=2)
    larger = replace(larger, growth=replace(larger.growth, size=to_bytes(disk)))  # its volume is there
    changed = tenants.converge(larger)

    assert {kind for kind, _ in changed} == {
        "ConfigMap",
        "StatefulSet",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    }
    after = tenants.live["StatefulSet", "acme"]["spec"]
    assert after["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == disk
    assert after["replicas"] == 2
    assert tenants.converge(larger) == []


def test_what_a_smaller_plan_does_not_want_is_pruned(tenants: Tenants) -> None:
    tenants.converge(store("standard", namespace=tenants.namespace, replicas=2, quota={"documents": 5}))
    smaller = store("starter", namespace=tenants.namespace, quota={"documents": 5})
    tenants.converge(smaller)
    gone = diff.to_prune(desired(smaller, PLATFORM, tenants.live), tenants.live)
    assert sorted(map(key, gone)) == [("HorizontalPodAutoscaler", "acme"), ("PodDisruptionBudget", "acme")]


@pytest.mark.parametrize(
    ("kind", "name", "edit"),
    [
        ("StatefulSet", "acme", {"spec": {"replicas": 5}}),
        ("ConfigMap", "acme-limits", {"data": {"limits.json": "{}"}}),
        ("NetworkPolicy", "acme", {"spec": {"ingress": [{}]}}),
        ("Service", "acme", {"spec": {"selector": {"vectorstore.dev/store": "other"}}}),
        ("Secret", "acme-keys", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}),
        ("HorizontalPodAutoscaler", "acme", {"metadata": {"ownerReferences": None}}),
    ],
)
def test_an_edit_by_hand_is_put_back(tenants: Tenants, kind: str, name: str, edit: Object) -> None:
    resolved = store("standard", namespace=tenants.namespace)
    tenants.converge(resolved)
    path = f"{PATHS[kind].format(tenants.namespace)}/{name}"
    status, edited = tenants.api.call("PATCH", path, edit, "application/merge-patch+json")
    assert status == 200, edited["message"]
    tenants.live[kind, name] = edited
    assert tenants.converge(resolved) == [(kind, name)]
    assert tenants.converge(resolved) == []


def test_what_others_add_stays_theirs(tenants: Tenants) -> None:
    resolved = store(namespace=tenants.namespace)
    tenants.converge(resolved)
    path = f"{PATHS['Service'].format(tenants.namespace)}/acme"
    note = {"metadata": {"annotations": {"mesh": "in"}, "labels": {"team": "blue"}}}
    tenants.live["Service", "acme"] = tenants.api.call("PATCH", path, note, "application/merge-patch+json")[1]
    assert tenants.converge(resolved) == []


def test_a_strangers_object_is_not_taken_over(tenants: Tenants) -> None:
    resolved = store(namespace=tenants.namespace)
    children = {("Secret", "acme-credentials"): given_credentials(resolved)}
    phases = desired(resolved, PLATFORM, children)
    service = next(
        obj for phase in phases for obj in phase if obj["kind"] == "Service" and obj["metadata"]["name"] == "acme"
    )
    tenants.create({**service, "metadata": {"name": "acme"}})
    refusal = diff.conflicts(itertools.chain(*phases), tenants.live)
    assert isinstance(refusal, Refusal)
    assert refusal.message.startswith("Service acme: exists and was not made by this store")


def test_claims_get_and_lose_their_owner(tenants: Tenants) -> None:
    kept, deleted = (store(namespace=tenants.namespace, deletionPolicy=policy) for policy in ("Retain", "Delete"))
    tenants.converge(kept)
    template = tenants.live["StatefulSet", "acme"]["spec"]["volumeClaimTemplates"][0]
    claim = tenants.create({**template, "metadata": {"name": "data-acme-0"}})
    assert claims.owner_patch(kept, claim) is None

    patch = claims.owner_patch(deleted, claim)
    assert patch
    claim = tenants.apply(patch)
    assert [owner["uid"] for owner in claim["metadata"]["ownerReferences"]] == [deleted.uid]
    assert claims.owner_patch(deleted, claim) is None

    patch = claims.owner_patch(kept, claim)
    assert patch
    claim = tenants.apply(patch)
    assert "ownerReferences" not in claim["metadata"]
    assert claim["spec"]["resources"] == template["spec"]["resources"]


def test_a_pod_is_admitted_where_only_restricted_ones_are(tenants: Tenants) -> None:
    resolved = store("standard", namespace=tenants.namespace)
    tenants.converge(resolved)
    template = tenants.live["StatefulSet", "acme"]["spec"]["template"]
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data-acme-0"}}
    template["spec"]["volumes"].append(volume)
    tenants.create({"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "acme-0"}})
