"""What is kept of backups and grants."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.support.shelved import backup_object

from vectorstore_operator.backups.known import Backup, Item, Shelf
from vectorstore_operator.backups.making.turns import Turns
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.kinds import BACKUP, GRANT
from vectorstore_operator.objects import Object

NOW = datetime(2030, 6, 10, 20, tzinfo=UTC)


def of(name: str, version: int = 1, hours: int = 0, phase: str | None = "Completed") -> Object:
    made = backup_object(NOW + timedelta(hours=hours), phase, name=name)
    made["metadata"]["resourceVersion"] = str(version)
    return made


def test_the_newer_edition_stays_and_what_ended_does_not_come_back() -> None:
    shelf = Shelf()
    assert shelf.put(of("a", 2))
    assert shelf.put(of("a", 1, phase=None)) is None
    assert shelf.drop(of("a", 3))
    assert shelf.put(of("a", 2)) is None
    assert (len(shelf), shelf.of("tenants", "acme")) == (0, [])


def test_the_backups_of_a_store_come_oldest_first() -> None:
    shelf = Shelf()
    for name, hours in (("b", 2), ("a", 3), ("c", 1)):
        shelf.put(of(name, hours=hours))
    assert [each.key.name for each in shelf.of("tenants", "acme")] == ["c", "b", "a"]


def test_what_a_listing_lacks_is_told_and_forgotten() -> None:
    shelf = Shelf()
    shelf.put(of("kept", 1))
    shelf.put(of("gone", 2))
    shelf.put(of("newer", 9))
    gone = shelf.retain(BACKUP.name, None, [(BACKUP.name, "tenants", "kept")], "5")
    assert [each.key.name for each in gone] == ["gone"]
    assert shelf.get(Key("tenants", "newer")) is not None


def test_a_grant_allows_namespaces_and_where_it_names_them_backups() -> None:
    shelf = Shelf()
    meta = {"namespace": "tenants", "name": "g", "resourceVersion": "1", "uid": "g"}
    shelf.put({"kind": GRANT.name, "metadata": meta, "spec": {"from": ["b"], "names": ["monday"]}})
    (grant,) = shelf.grants("tenants")
    assert grant.allows("b", "monday")
    assert not grant.allows("b", "tuesday")
    assert not grant.allows("c", "monday")
    assert shelf.grants("b") == []


def test_a_status_that_nobody_could_read_is_no_end() -> None:
    told = of("a")
    told["status"] |= {"takenAt": "yesterday", "own": {"s3": 7}, "phase": "Lost"}
    kept = Shelf().put(told)
    assert isinstance(kept, Backup)
    assert (kept.taken, kept.own, kept.phase) == (None, None, None)


def test_a_thousand_backups_take_less_than_a_mebibyte() -> None:
    shelf, stores = Shelf(), [f"store-{number}" for number in range(33)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1000):
            made = of(f"store-203006102{number:04}", number + 1)
            made["metadata"]["uid"] = str(uuid4())
            made["spec"]["store"] = stores[number % len(stores)]
            shelf.put(made)
        del made
        assert tracemalloc.get_traced_memory()[0] - before < 1 << 20
    finally:
        tracemalloc.stop()


def test_whoever_waits_longest_has_the_next_place() -> None:
    active, woken = set[str](), list[Item]()
    turns, shelf = Turns(1, lambda: active, woken.append), Shelf()
    first, second, third = (
        kept
        for name, hours in (("a", 1), ("b", 3), ("c", 2))
        if isinstance(kept := shelf.put(of(name, hours=hours)), Backup)
    )
    assert turns.take(first)
    assert turns.take(first)
    assert not turns.take(second)
    assert not turns.take(third)
    turns.wake()
    assert woken == []  # no place is free
    turns.leave(first.uid)
    turns.wake()
    assert woken == [third.item]
    assert not turns.take(second)
    assert turns.take(third)
    active.add(third.uid)
    turns.leave(third.uid)
    assert not turns.take(second)


def test_a_store_of_which_many_are_asked_for_has_its_next_turn_behind_others() -> None:
    turns, shelf = Turns(1, set, lambda item: None, lambda: NOW + timedelta(hours=9)), Shelf()
    objects = [of(name, hours=hours, phase=None) for name, hours in (("a", 1), ("b", 2), ("c", 3))]
    objects[-1]["spec"]["store"] = "another"
    first, second, other = (kept for obj in objects if isinstance(kept := shelf.put(obj), Backup))
    assert turns.take(first)
    assert not turns.take(other)
    turns.leave(first.uid)
    assert not turns.take(second)
    assert turns.take(other)
