"""Schedules on a real API server, by a clock of the test's own: what is made, and what the store tells of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.operator.conftest import Start
from tests.support.apiserver import ApiServer
from tests.support.jobs import Jobs, result
from tests.support.operators import Object, Tenant

from vectorstore_operator import times
from vectorstore_operator.backups.known import Backup, Item, Shelf
from vectorstore_operator.backups.schedules.loop import Schedules, scheduled
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.errors import Forbidden
from vectorstore_operator.cluster.events import Recorder
from vectorstore_operator.cluster.kinds import BACKUP, PLAN, STORE
from vectorstore_operator.observe import Usage
from vectorstore_operator.observe.backed import Backed
from vectorstore_operator.observe.status import status as status_of
from vectorstore_operator.refusal import Refusal

EVENING = datetime(2030, 6, 10, 20, tzinfo=UTC)
NIGHT = EVENING + timedelta(hours=6)
"""When the schedule's time comes."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BACKUPS = {"schedule": "0 2 * * *", "destination": {"s3": {"bucket": "backups"}, "secretName": "bucket"}}
"""Of the plan."""


@dataclass
class World:
    """One store, what an operator knows of it, and what time it is."""

    tenant: Tenant
    cluster: Cluster
    plan: str
    cache: Cache = field(default_factory=Cache)
    shelf: Shelf = field(default_factory=Shelf)
    now: datetime = EVENING
    told: list[Key] = field(default_factory=list)
    """Stores whose status was to be written."""
    pruned: list[str] = field(default_factory=list)
    """Names of backups."""
    schedules: Schedules = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """An operator that remembers nothing but what is in the cluster."""
        soon: list[Item] = []
        unused: Any = None
        tools = Tools(
            cluster=self.cluster,
            cache=self.cache,
            shelf=self.shelf,
            jobs=unused,
            settings=unused,
            token=unused,
            recorder=Recorder(self.tenant.cluster, "test", lambda reason: None),
            changed=self.told.append,
            soon=soon.append,
        )
        self.schedules = Schedules(tools, self._prune, lambda: self.now)

    async def have(self) -> None:
        """Makes the store, which the plan is for."""
        made = await self.tenant.store("acme", plan=self.plan)
        self.cache.put({"kind": STORE.name} | made | {"status": {"plan": self.plan}})

    async def _prune(self, gone: Sequence[Backup]) -> None:
        self.pruned += [b.key.name for b in gone]

    async def look(self, name: str = "acme") -> float | None:
        """A look at the store, which has its status written where that is asked for."""
        key = Key(self.tenant.namespace, name)
        again = await self.schedules.look(key)
        if self.told:
            await self._write(key)
        self.told.clear()
        return again

    async def _write(self, key: Key) -> None:
        store = self.cache.store(key)
        assert store
        protection, condition = self.schedules.backed(key, store, self.now)
        backed = Backed(protection, told=(condition,) if condition else ())
        refused = Refusal("PlanNotFound", "of no interest here")
        status = status_of(store, refused, {}, Usage(0, 0), self.now, backed=backed)
        meta = {k: store["metadata"][k] for k in ("name", "namespace")}
        body = {"apiVersion": store["apiVersion"], "kind": store["kind"], "metadata": meta, "status": status}
        self.cache.put(await self.cluster.apply(body, "status"))

    async def backups(self) -> dict[str, Object]:
        """Those there are, by name; what the operator knows is brought up to date."""
        found, version = await self.cluster.list(BACKUP, self.tenant.namespace)
        for obj in found:
            self.shelf.put(obj)
        places = [(BACKUP.name, obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in found]
        self.shelf.retain(BACKUP.name, self.tenant.namespace, places, version)
        return {obj["metadata"]["name"]: obj for obj in found}

    async def came_to(self, name: str, phase: str, **status: Any) -> None:
        """Tells what became of a backup, as those who make it do."""
        held = {"Completed": "True", "Failed": "False"}.get(phase, "Unknown")
        condition = {
            "type": "Complete",
            "status": held,
            "reason": "Stored" if held == "True" else "DestinationAway",
            "message": "",
            "lastTransitionTime": times.time(self.now),
            "observedGeneration": 1,
        }
        status |= {"phase": phase, "storeUid": self.store["metadata"]["uid"], "conditions": [condition]}
        status |= {"takenAt": times.time(self.now)} if phase == "Completed" else {}
        head = {"apiVersion": BACKUP.api_version, "kind": BACKUP.name}
        meta = {"namespace": self.tenant.namespace, "name": name}
        self.shelf.put(await self.cluster.apply({**head, "metadata": meta, "status": status}, "status"))

    @property
    def store(self) -> Object:
        """The store as the operator knows it."""
        store = self.cache.store(Key(self.tenant.namespace, "acme"))
        assert store
        return store

    @property
    def protection(self) -> Object:
        """What its status tells."""
        found: Object = self.store["status"]["backup"]
        return found

    @property
    def healthy(self) -> tuple[str, str]:
        """What BackupHealthy says."""
        condition = next(c for c in self.store["status"]["conditions"] if c["type"] == "BackupHealthy")
        return condition["status"], condition["reason"]

    async def change(self, **spec: Any) -> None:
        """Changes the store's spec."""
        changed = await self.tenant.change(STORE.name, "acme", **spec)
        self.cache.put(changed | {"status": self.store["status"]})


@pytest.fixture
async def world(tenant: Tenant) -> AsyncIterator[World]:
    plan = await tenant.plan(f"plan-{tenant.namespace}", backup=BACKUPS)
    made = World(tenant, tenant.cluster, plan["metadata"]["name"])
    made.cache.put({"kind": PLAN.name} | plan)
    await made.have()
    yield made
    await tenant.cluster.delete(plan)


NAME = "acme-203006110200"


async def test_a_backup_is_made_when_its_time_has_come_and_once(world: World) -> None:
    assert await world.look() == 3600
    assert (world.healthy, await world.backups()) == (("Unknown", "NeverBackedUp"), {})
    assert world.protection == {"next": "2030-06-11T02:00:00Z", "count": 0, "missed": 0}
    world.now = NIGHT - timedelta(seconds=30)
    assert await world.look() == 30
    world.now = NIGHT
    await world.look()
    (made,) = (await world.backups()).values()
    assert made["metadata"]["name"] == NAME
    assert made["spec"] == {"store": "acme", "deletionPolicy": "Delete"}
    assert made["metadata"]["labels"]["vectorstore.dev/scheduled"] == "true"
    assert "ownerReferences" not in made["metadata"]
    assert world.protection["scheduled"] == "2030-06-11T02:00:00Z"
    assert world.protection["next"] == "2030-06-12T02:00:00Z"
    await world.came_to(NAME, "Completed")
    await world.look()
    assert world.healthy == ("True", "Healthy")
    assert (world.protection["lastGood"], world.protection["count"]) == (NAME, 1)
    await world.look()
    assert list(await world.backups()) == [NAME]


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen yet"])
async def test_an_operator_that_is_killed_after_it_made_one_makes_no_second(world: World, seen: bool) -> None:
    await world.look()
    world.now = NIGHT
    assert await world.schedules.look(Key(world.tenant.namespace, "acme"))  # and no status was written
    world.told.clear()
    world.shelf = Shelf()
    if seen:
        await world.backups()
    world.begin()
    world.now += timedelta(seconds=20)
    await world.look()
    assert list(await world.backups()) == [NAME]
    assert world.protection["next"] == "2030-06-12T02:00:00Z"


async def test_after_an_outage_one_backup_is_made_and_the_others_are_told_as_missed(world: World) -> None:
    await world.look()
    world.begin()
    world.now = NIGHT + 4 * DAY + HOUR
    await world.look()
    assert list(await world.backups()) == ["acme-203006150200"]
    assert (world.protection["missed"], world.healthy) == (4, ("False", "NeverBackedUp"))
    assert (await world.tenant.told("BackupMissed"))["note"].startswith("4 times of the schedule brought no backup")
    await world.came_to("acme-203006150200", "Completed")
    await world.look()
    assert (world.protection["missed"], world.healthy) == (0, ("True", "Healthy"))


async def test_a_time_is_missed_while_the_backup_before_it_is_being_made(world: World) -> None:
    await world.look()
    for night, phase in enumerate(("Running", "Running", "Failed")):
        world.now = NIGHT + night * DAY
        await world.look()
        await world.came_to(NAME, phase)
    await world.look()
    assert list(await world.backups()) == [NAME]
    assert (world.protection["missed"], world.healthy) == (3, ("False", "NeverBackedUp"))
    assert len(await world.tenant.events("BackupMissed")) == 2
    world.now = NIGHT + 3 * DAY
    await world.look()
    assert list(await world.backups()) == [NAME, "acme-203006140200"]


async def test_a_good_backup_grows_too_old_though_nothing_happens(world: World) -> None:
    await world.look()
    world.now = NIGHT
    await world.look()
    await world.came_to(NAME, "Completed")
    await world.change(backup={"suspend": True})
    await world.look()
    assert (world.healthy, "next" in world.protection) == (("Unknown", "Suspended"), False)
    world.now = NIGHT + 2 * DAY - timedelta(seconds=5)
    await world.change(backup={"suspend": False})
    assert await world.look() == 5
    assert world.healthy == ("True", "Healthy")
    assert world.protection["next"] == "2030-06-13T02:00:00Z"  # none is made up for
    await world.change(hibernated=True)
    world.now += timedelta(seconds=5)
    await world.look()
    assert world.healthy == ("True", "Hibernated")
    world.now += HOUR
    await world.change(hibernated=False)
    await world.look()  # it woke: the time that came meanwhile is made up for
    assert list(await world.backups()) == [NAME, "acme-203006130200"]
    assert world.healthy == ("False", "TooOld")


async def test_the_word_of_an_api_server_that_takes_none_is_told(world: World) -> None:
    class Denying(Cluster):
        async def create(self, obj: Object) -> Object:
            raise Forbidden("exceeded quota: backups")

    await world.look()
    world.now, allowed = NIGHT, world.cluster
    world.cluster = Denying(allowed._api)
    world.begin()
    with pytest.raises(Forbidden):
        await world.look()
    await world._write(Key(world.tenant.namespace, "acme"))
    assert world.healthy == ("False", "Forbidden")
    world.cluster = allowed
    world.begin()
    await world.look()
    assert list(await world.backups()) == [NAME]
    assert world.healthy == ("Unknown", "NeverBackedUp")


async def test_what_the_retention_does_not_keep_is_pruned_but_for_what_is_restored_from(world: World) -> None:
    await world.change(backup={"retention": {"last": 1}})
    await world.look()
    for night in range(3):
        world.now = NIGHT + night * DAY
        await world.look()
        await world.came_to(sorted(await world.backups())[-1], "Completed")
    await world.look()
    assert set(world.pruned) == {NAME, "acme-203006120200"}
    world.pruned.clear()
    restored = world.store | {"spec": {"restoreFrom": {"backup": {"name": NAME}}}}
    restored["metadata"] = restored["metadata"] | {"name": "other"}
    world.cache.put(restored | {"status": {"restore": {"phase": "Restoring"}}})
    await world.look()
    assert world.pruned == ["acme-203006120200"]


async def test_a_store_made_anew_begins_anew(world: World) -> None:
    await world.look()
    world.now = NIGHT
    await world.look()
    await world.came_to(NAME, "Completed")
    await world.tenant.delete(STORE.name, "acme")
    world.cache.drop(world.store)
    assert await world.look() is None
    await world.have()
    world.now += HOUR
    await world.look()
    assert world.protection == {"next": "2030-06-12T02:00:00Z", "count": 0, "missed": 0}
    assert world.healthy == ("Unknown", "NeverBackedUp")


async def test_many_stores_have_theirs_made_at_once(world: World) -> None:
    names = [f"acme-{number}" for number in range(200)]
    for name in names:
        meta = world.store["metadata"] | {"name": name, "uid": name, "resourceVersion": "1"}
        world.cache.put(world.store | {"metadata": meta})
    workers = asyncio.Semaphore(8)

    async def look(name: str) -> None:
        async with workers:
            await world.schedules.look(Key(world.tenant.namespace, name))

    for world.now in (EVENING, NIGHT):
        await asyncio.gather(*map(look, names))
    assert set(await world.backups()) == {f"{name}-203006110200" for name in names}


async def test_an_operator_that_begins_makes_up_for_what_its_predecessor_did_not(tenant: Tenant, start: Start) -> None:
    plan = await tenant.plan(f"plan-{tenant.namespace}", backup=BACKUPS)
    store = await tenant.store("acme", plan=plan["metadata"]["name"])
    missed = {"next": "2026-06-10T02:00:00Z", "lastGood": "acme-202606090200", "lastGoodAt": "2026-06-09T02:00:09Z"}
    meta = {name: store["metadata"][name] for name in ("name", "namespace")}
    status = {"plan": plan["metadata"]["name"], "backup": missed}
    head = {"apiVersion": STORE.api_version, "kind": STORE.name}
    await tenant.cluster.apply({**head, "metadata": meta, "status": status}, "status")
    start()
    told = await tenant.until(STORE.name, "acme", lambda obj: "scheduled" in obj["status"].get("backup", {}))
    (made,) = (await tenant.cluster.list(BACKUP, tenant.namespace))[0]
    last = datetime.fromisoformat(told["status"]["backup"]["scheduled"])
    assert made["metadata"]["name"] == f"acme-{last:%Y%m%d%H%M}"
    assert last > datetime.now(UTC) - DAY - HOUR
    waits = await tenant.until(BACKUP.name, made["metadata"]["name"], lambda obj: "phase" in obj.get("status", {}))
    assert waits["status"]["phase"] == "Pending"
    await tenant.cluster.delete(plan)


async def test_what_is_surplus_goes_and_its_archive_first(served: ApiServer, tenant: Tenant, start: Start) -> None:
    meta = {"name": "bucket", "namespace": tenant.namespace}
    data = {"access-key-id": "AKIA", "secret-access-key": "secret"}
    await tenant.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})
    plan = await tenant.plan(f"plan-{tenant.namespace}", backup=BACKUPS | {"retention": {"last": 2}})
    store = await tenant.store("acme", plan=plan["metadata"]["name"])
    names = [await _made(tenant, store, EARLIER + age * DAY) for age in range(SURPLUS + 2)]
    start()
    jobs = Jobs(served, tenant)
    gone: list[str] = []
    ended: list[str] = []
    while len(gone) < SURPLUS:  # one Job, but for those that were not yet seen to go when it was started
        job = await jobs.made("delete", but=ended)
        going = json.loads((await jobs.given(job))["job.json"])["names"]
        for name in going:
            assert (await tenant.have(BACKUP.name, name))["status"]["phase"] == "Deleting"
        jobs.ended(job, result("delete", deleted=len(going)))
        gone, ended = gone + going, [*ended, job["metadata"]["uid"]]
    assert gone == names[:-2]
    told = await tenant.until(STORE.name, "acme", lambda obj: obj["status"].get("backup", {}).get("count") == 2)
    assert told["status"]["backup"]["lastGood"] == names[-1]
    for name in names[:-2]:
        await tenant.gone(BACKUP.name, name)
    assert [one["metadata"]["name"] for one in (await tenant.cluster.list(BACKUP, tenant.namespace))[0]] == names[-2:]
    await tenant.cluster.delete(plan)


SURPLUS = 10
EARLIER = datetime(2026, 1, 1, 2, tzinfo=UTC)


async def _made(tenant: Tenant, store: Object, taken: datetime) -> str:
    """A backup that a schedule made, and that is good; its name."""
    made = await tenant.cluster.create(scheduled(Key(tenant.namespace, "acme"), taken))
    complete = {"type": "Complete", "status": "True", "reason": "Done", "message": "", "observedGeneration": 1}
    status = {
        "phase": "Completed",
        "storeUid": store["metadata"]["uid"],
        "plan": store["spec"]["plan"],
        "takenAt": times.time(taken),
        "conditions": [complete | {"lastTransitionTime": times.time(taken)}],
    }
    meta = {name: made["metadata"][name] for name in ("name", "namespace")}
    head = {"apiVersion": BACKUP.api_version, "kind": BACKUP.name}
    await tenant.cluster.apply({**head, "metadata": meta, "status": status}, "status")
    return str(meta["name"])
