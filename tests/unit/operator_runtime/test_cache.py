"""The cache: newer stays, owners are found, listings tell what is gone."""

from __future__ import annotations

from typing import Any

from vectorstore_operator.cache import Cache, Key, owner

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
    changed = cache.replace("Service", "tenants", [child("stays", 1), child("new", 9)], "10")
    assert changed == {ACME}
    assert {name for _, name in cache.children(ACME)} == {"stays", "new", "made-since", "other"}


def test_a_listing_of_one_namespace_says_nothing_about_another() -> None:
    cache = Cache()
    cache.put(child("here", 1))
    assert cache.replace("Service", "elsewhere", [], "10") == set()
    assert cache.replace("Service", None, [], "10") == {ACME}


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
