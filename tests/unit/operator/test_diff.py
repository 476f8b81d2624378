"""What must be applied, what pruned, and what is in the way."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from tests.support.desired import PLATFORM, given_credentials, store, with_credentials

from vectorstore_operator import diff
from vectorstore_operator.objects import Object, key
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import desired

Live = dict[tuple[str, str], Object]


def phases(resolved: Resolved) -> tuple[tuple[Object, ...], ...]:
    return desired(resolved, PLATFORM, with_credentials(resolved))


def live(resolved: Resolved) -> Live:
    """Everything as it was applied."""
    children = {key(obj): copy.deepcopy(obj) for phase in phases(resolved) for obj in phase}
    return children | dict(with_credentials(resolved))


def applied(resolved: Resolved, children: Live) -> list[tuple[str, str]]:
    return [key(obj) for phase in phases(resolved) for obj in diff.to_apply(phase, children)]


@pytest.mark.parametrize(
    ("wanted", "there", "is_subset"),
    [
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({"a": None}, {}, False),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": {"b": 1}}, {"a": 1}, False),
        ([{"a": 1}], [{"a": 1, "b": 2}], True),
        ([{"a": 1}], [{"a": 1}, {"a": 2}], False),
        ([1, 2], [2, 1], False),
        ([], None, False),
        ("1", 1, False),
    ],
)
def test_what_is_stated_must_be_there(wanted: Any, there: Any, is_subset: bool) -> None:
    assert diff.subset(wanted, there) is is_subset


def test_nothing_is_applied_twice() -> None:
    resolved = store("standard", replicas=2)
    assert applied(resolved, live(resolved)) == []


def test_what_is_missing_is_applied_phase_by_phase() -> None:
    kinds = [kind for kind, _ in applied(store("standard", replicas=2), {})]
    assert kinds == [
        *("ServiceAccount", "Secret", "ConfigMap"),
        *("Service", "Service", "NetworkPolicy"),
        "StatefulSet",
        *("HorizontalPodAutoscaler", "PodDisruptionBudget"),
    ]


def test_what_others_changed_is_applied() -> None:
    children = live(store())
    children["StatefulSet", "acme"]["spec"]["replicas"] = 9
    del children["Service", "acme"]["metadata"]["labels"]["vectorstore.dev/store"]
    assert applied(store(), children) == [("Service", "acme"), ("StatefulSet", "acme")]


def test_what_others_added_is_left() -> None:
    children = live(store())
    children["Service", "acme"]["spec"]["clusterIP"] = "10.0.0.1"
    children["Service", "acme"]["metadata"]["annotations"]["mesh"] = "in"
    assert applied(store(), children) == []


def test_what_an_earlier_release_stated_is_found_by_its_digest() -> None:
    children = live(store())
    children["ConfigMap", "acme-limits"]["data"]["old.json"] = "{}"
    children["ConfigMap", "acme-limits"]["metadata"]["annotations"]["vectorstore.dev/hash"] = "earlier"
    assert applied(store(), children) == [("ConfigMap", "acme-limits")]


def pruned(resolved: Resolved, children: Live) -> list[tuple[str, str]]:
    return sorted(map(key, diff.to_prune(phases(resolved), children)))


def test_what_is_not_wanted_any_more_is_pruned() -> None:
    children = live(store("standard", replicas=2, quota={"documents": 5}))
    expected = [("HorizontalPodAutoscaler", "acme"), ("PodDisruptionBudget", "acme")]
    assert pruned(store(quota={"documents": 5}), children) == expected


def test_pods_keys_and_data_are_never_pruned() -> None:
    children = live(store())
    claim = copy.deepcopy(children["ConfigMap", "acme-limits"])
    claim |= {"kind": "PersistentVolumeClaim", "metadata": claim["metadata"] | {"name": "data-acme-0"}}
    children[key(claim)] = claim
    half_a_look = desired(store(), PLATFORM, {})  # no credentials seen, so neither keys nor StatefulSet wanted
    assert diff.to_prune(half_a_look, children) == ()


@pytest.mark.parametrize("change", [{"ownerReferences": []}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}])
def test_only_what_the_store_controls_and_is_not_going_is_pruned(change: Object) -> None:
    children = live(store("standard"))
    children["HorizontalPodAutoscaler", "acme"]["metadata"] |= change
    assert pruned(store(quota={"documents": 5}), children) == []


def conflict(children: Live) -> Refusal | None:
    return diff.conflicts(itertools.chain(*phases(store())), children)


def test_its_own_children_are_no_conflict() -> None:
    assert conflict(live(store())) is None
    assert conflict({}) is None


def test_orphans_with_its_labels_are_taken_back() -> None:
    children = live(store())
    for child in children.values():
        del child["metadata"]["ownerReferences"]
    assert conflict(children) is None


def owned_by(kind: str, name: str) -> Object:
    return {"name": "acme", "ownerReferences": [{"kind": kind, "name": name, "uid": "u", "controller": True}]}


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"name": "acme"}, "StatefulSet acme: exists and was not made by this store; delete or rename it, or give"),
        (owned_by("Database", "db"), "StatefulSet acme: exists and belongs to Database db; delete or rename it"),
        (owned_by("VectorStore", "acme"), "StatefulSet acme: is what an earlier store of this name left; it goes by"),
    ],
)
def test_a_strangers_object_is_in_the_way(metadata: Object, says: str) -> None:
    children = live(store()) | {("StatefulSet", "acme"): {"kind": "StatefulSet", "metadata": metadata}}
    refusal = conflict(children)
    assert refusal is not None
    assert refusal.reason == "NameConflict"
    assert refusal.message.startswith(says)


def test_a_strangers_credentials_are_in_the_way() -> None:
    secret = given_credentials(store())
    secret["metadata"] = {"name": "acme-credentials"}
    children: Live = {key(secret): secret}
    refusal = diff.conflicts(itertools.chain(*desired(store(), PLATFORM, children)), children)
    assert refusal is not None
    assert "Secret acme-credentials: exists and was not made by this store" in refusal.message
