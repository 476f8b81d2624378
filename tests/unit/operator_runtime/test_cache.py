"""The cache: newer stays, owners are found, listings tell what is gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vectorstore_operator.cluster.cache import Cache, Key, owner, place

ACME = Key("tenants", "acme")


def obj(kind: str, name: str, version: int, **meta: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "tenants", "resourceVersion": str(version), **meta},
        "spec": {},
    }


def child(name: str = "acme", version: int = 1, kind: str = "Service") -> dict[str, Any]:
    return obj(kind, name, version, labels={"vectorstore.dev/store": "acme"}, managedFields=[{}])


def test_of_two_editions_the_newer_stays_whichever_comes_first() -> None:
    cache = Cache()
    assert cache.put(child(version=5)) == ACME
    assert cache.put(child(version=4)) is None
    assert cache.put(child(version=5)) is None
    assert cache.put(child(version=10)) == ACME
    assert cache.children(ACME)["Service", "acme"]["metadata"]["resourceVersion"] == "10"


def test_the_end_of_an_older_object_does_not_take_a_newer_one_of_its_name() -> None:
    cache = Cache()
    cache.put(child(version=7))
    assert cache.drop(child(version=6)) is None
    assert cache.children(ACME)
    assert cache.drop(child(version=8)) == ACME
    assert not cache.children(ACME)


def test_an_answer_that_comes_after_the_end_of_its_object_does_not_bring_it_back() -> None:
    cache = Cache()
    lives, ends = (obj("Service", "acme", 7, uid="1", labels={"vectorstore.dev/store": "acme"}) for _ in range(2))
    ends["metadata"]["resourceVersion"] = "8"
    cache.put(child(version=6))
    assert cache.drop(ends) == ACME
    assert cache.put(lives) is None
    assert not cache.children(ACME)
    again = {**lives, "metadata": lives["metadata"] | {"resourceVersion": "9"}}  # its label came back
    assert cache.put(again) == ACME


def test_no_more_ends_are_remembered_than_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstore_operator.cluster.cache.ENDS", 2)
    cache = Cache()
    for number in range(5):
        cache.drop(obj("Service", "acme", number, uid=str(number)))
    assert list(cache._ends) == ["3", "4"]


def test_the_end_of_a_store_does_not_take_its_children() -> None:
    cache = Cache()
    cache.put(obj("VectorStore", "acme", 1))
    cache.put(child())
    assert cache.drop(obj("VectorStore", "acme", 2)) == ACME
    assert cache.store(ACME) is None
    assert cache.children(ACME)


def test_a_listing_takes_what_is_new_and_tells_what_is_gone() -> None:
    cache = Cache()
    cache.put(child("stays", 1))
    cache.put(child("gone", 2))
    cache.put(child("made-since", 11))
    cache.put(child("other", 3, kind="Secret"))
    listed = [child("stays", 1), child("new", 9)]
    changed = cache.take(listed) | cache.retain("Service", "tenants", map(place, listed), "10")
    assert changed == {ACME}
    assert {name for _, name in cache.children(ACME)} == {"stays", "new", "made-since", "other"}


def test_a_listing_of_one_namespace_says_nothing_about_another() -> None:
    cache = Cache()
    cache.put(child("here", 1))
    assert cache.retain("Service", "elsewhere", [], "10") == set()
    assert cache.retain("Service", None, [], "10") == {ACME}


def test_the_owner_is_the_controlling_store_else_what_the_label_says() -> None:
    pod = child("acme-0", kind="Pod")
    assert owner(pod) == ACME
    pod["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": "acme", "controller": True}]
    assert owner(pod) == ACME
    renamed = child()
    renamed["metadata"]["ownerReferences"] = [{"kind": "VectorStore", "name": "other", "controller": True}]
    assert owner(renamed) == Key("tenants", "other")
    assert owner(obj("Pod", "stray", 1)) is None


def test_stores_of_a_plan_are_those_that_have_it_name_it_or_look_for_one() -> None:
    cache = Cache()
    for name, spec, status in (
        ("names", {"plan": "starter"}, {}),
        ("has", {}, {"plan": "starter"}),
        ("looks", {}, {}),
        ("moves", {"plan": "standard"}, {"plan": "starter"}),
    ):
        cache.put(obj("VectorStore", name, 1) | {"spec": spec, "status": status})
    assert {key.name for key in cache.users("starter")} == {"names", "has", "looks"}


def test_nothing_is_kept_that_nobody_reads() -> None:
    cache = Cache()
    cache.put(child())
    cache.put(child("acme-0", kind="Pod") | {"spec": {"nodeName": "n1", "containers": [{}]}})
    kept = cache.children(ACME)
    assert "managedFields" not in kept["Service", "acme"]["metadata"]
    assert kept["Pod", "acme-0"]["spec"] == {"nodeName": "n1"}


def test_a_child_that_somebody_gives_to_another_store_is_missed_by_the_one_it_was_taken_from() -> None:
    cache, bravo = Cache(), Key("tenants", "bravo")
    cache.put(child(version=1))
    taken = child(version=2) | {"spec": {}}
    taken["metadata"]["ownerReferences"] = [{"kind": "VectorStore", "name": "bravo", "controller": True}]
    assert cache.put(taken) == ACME
    assert not cache.children(ACME)
    assert cache.children(bravo)
    assert cache.put(child(version=1)) is None
    cache.put(child(version=3))
    assert cache.children(ACME)
    assert not cache.children(bravo)
    assert cache.drop(taken | {"metadata": taken["metadata"] | {"resourceVersion": "4"}}) == ACME
    assert not cache.children(ACME)


def test_who_asks_for_something_comes_first_and_then_what_changed_last() -> None:
    cache = Cache()
    for name, version in (("old", 1), ("acme", 2), ("newer", 5)):
        cache.put(obj("VectorStore", name, version))
    assert [key.name for key in cache.everything()] == ["newer", "acme", "old"]
    cache.put(child(version=7))
    assert [key.name for key in cache.everything()] == ["acme", "newer", "old"]
    for name, version in (("waits", 3), ("waits-less", 4)):
        cache.put(obj("VectorStore", name, version, generation=2) | {"status": {"observedGeneration": 1}})
    assert [key.name for key in cache.everything()] == ["waits", "waits-less", "acme", "newer", "old"]


def test_a_store_asks_when_its_spec_changed_after_it_was_looked_at() -> None:
    cache = Cache()
    assert not cache.asks(ACME)
    new = obj("VectorStore", "acme", 1)
    new["metadata"]["generation"] = 1
    cache.put(new)
    assert not cache.asks(ACME)
    for version, generation, asks in ((2, 1, False), (3, 2, True)):
        seen = obj("VectorStore", "acme", version) | {"status": {"observedGeneration": 1}}
        seen["metadata"]["generation"] = generation
        cache.put(seen)
        assert cache.asks(ACME) is asks


def test_the_names_of_fields_are_kept_once_for_all_objects() -> None:
    def name_of_the_port(name: str) -> str:
        cache = Cache()
        cache.put(json.loads(json.dumps(child(name) | {"spec": {"ports": [{"targetPort": 1}]}})))
        (kept,) = cache.children(ACME).values()
        return str(next(iter(kept["spec"]["ports"][0])))

    assert name_of_the_port("one") is name_of_the_port("another")
