"""What a tenant asks of a real instance becomes a backup on a real API server, and the instance is told of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.instances import Running
from tests.support.operators import Tenant

from vectorstore_operator import names
from vectorstore_operator.backups.known import Item, Shelf
from vectorstore_operator.backups.tenants.asked import Asked, NotTold
from vectorstore_operator.backups.tenants.wishes import Wish
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.kinds import BACKUP, PLAN, STORE
from vectorstore_operator.instances.usage import Instances


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Running]:
    """One whose plan lets holders of keys ask."""
    folder = tmp_path
    (folder / "keys").mkdir()
    for name in ("read-write", "read-only", "admin", "internal"):
        (folder / "keys" / name).write_text(secrets.token_urlsafe(32))
    (folder / "limits.json").write_text(json.dumps({"backups": True}))
    environ = {"MODEL_NAME": "none", "DIMENSION": "3", "LIMITS_FILE": str(folder / "limits.json")}
    running = Running(folder, environ).start()
    yield running
    running.end()


@dataclass
class World:
    """One store, its instance, and what an operator knows of it."""

    tenant: Tenant
    instance: Running
    plan: str
    cache: Cache = field(default_factory=Cache)
    shelf: Shelf = field(default_factory=Shelf)
    soon: list[Item] = field(default_factory=list)
    restores: list[Wish] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """An operator that remembers nothing but what is in the cluster."""
        self.key = Key(self.tenant.namespace, "acme")
        unused: Any = None
        tools = Tools(
            cluster=self.tenant.cluster,
            cache=self.cache,
            shelf=self.shelf,
            jobs=unused,
            settings=unused,
            token=lambda store: self.token(store),
            recorder=unused,
            changed=unused,
            soon=self.soon.append,
        )
        self.asked = Asked(tools, lambda _, __, wish: self.restores.append(wish))
        self.instances = Instances(self.cache, self.token, lambda key: None, 0, self.asked.heard)

    def token(self, _: object) -> str:
        return self.instance.key("admin")

    async def see(self) -> None:
        """Takes note of what is on the API server, and of a pod that is ready."""
        for kind in (STORE, PLAN, BACKUP):
            for obj in (await self.tenant.cluster.list(kind, None if kind is PLAN else self.tenant.namespace))[0]:
                (self.shelf if kind is BACKUP else self.cache).put(obj)
        meta = {"name": "acme-0", "namespace": self.tenant.namespace, "uid": str(self.instance.pid)}
        meta |= {"labels": names.labels("acme"), "resourceVersion": str(self.instance.pid)}  # type: ignore[dict-item]
        status = {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
        self.cache.put({"kind": "Pod", "metadata": meta, "status": status})

    async def ask(self) -> None:
        """A round of questions to the instance, and the look that follows."""
        await self.see()
        async with aiohttp.ClientSession() as session:
            await self.instances.round(session)
        await self.asked.look(self.key)

    async def is_(self, name: str, phase: str, **status: Any) -> None:
        """Says of a backup what the operator's look at it would."""
        backup = await self.tenant.have(BACKUP.name, name)
        uid = (await self.tenant.have(STORE.name, "acme"))["metadata"]["uid"]
        body = {field: backup[field] for field in ("apiVersion", "kind")}
        body["metadata"] = {"name": name, "namespace": self.tenant.namespace}
        done = {"type": "Complete", "status": "True", "reason": "Stored", "message": "", "observedGeneration": 1}
        done["lastTransitionTime"] = "2026-01-01T00:00:00Z"
        conditions = [done] if phase == "Completed" else []
        body["status"] = {"phase": phase, "storeUid": uid, "conditions": conditions, **status}
        await self.tenant.cluster.apply(body, "status")


@pytest.fixture
async def world(tenant: Tenant, instance: Running, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(names, "MANAGEMENT_PORT", instance.management_port)
    plan = await tenant.plan(f"plan-{tenant.namespace}", backup={"byTenants": True})
    store = await tenant.store("acme", plan=plan["metadata"]["name"])
    head = {"name": "acme", "namespace": tenant.namespace}
    status = {"plan": plan["metadata"]["name"]}
    body = {"apiVersion": store["apiVersion"], "kind": store["kind"], "metadata": head, "status": status}
    await tenant.cluster.apply(body, "status")
    made = World(tenant, instance, plan["metadata"]["name"])
    yield made
    await made.asked.close()
    await tenant.cluster.delete(plan)


async def test_a_wish_becomes_one_backup_and_the_tenant_sees_how_it_goes(world: World) -> None:
    with world.instance.http() as http:
        wish = http.post("/backup", json={"verify": False}).json()["id"]
        await world.ask()
        made = await world.tenant.have(BACKUP.name, wish)
        assert made["spec"] == {"store": "acme", "deletionPolicy": "Delete", "verify": False}
        assert [item.name for item in world.soon] == [wish]
        assert http.get(f"/backup/{wish}").json() == {"id": wish, "state": "pending"}
        await world.is_(wish, "Completed", size=7, takenAt="2026-01-01T00:00:00Z")
        await world.ask()
        shown = {"id": wish, "state": "completed", "taken": "2026-01-01T00:00:00Z", "size": 7}
        assert http.get("/backup").json() == {"backups": [shown]}
        world.begin()
        restore = http.post("/restore", json={"backup": wish}).json()["id"]
        await world.ask()
        await world.ask()
        assert {(each.id, each.backup) for each in world.restores} == {(restore, wish)}
    backups, _ = await world.tenant.cluster.list(BACKUP, world.tenant.namespace)
    assert len(backups) == 1


async def test_a_plan_that_does_not_allow_it_any_more_has_its_wishes_refused(world: World) -> None:
    await world.tenant.change(PLAN.name, world.plan, backup={"byTenants": False})
    with world.instance.http() as http:
        wish = http.post("/backup", json={}).json()["id"]
        await world.ask()
        told = http.get(f"/backup/{wish}").json()
    assert (told["state"], told["message"]) == ("failed", "the store's plan does not allow it any more")
    assert (await world.tenant.cluster.list(BACKUP, world.tenant.namespace))[0] == []


async def test_an_instance_that_takes_nothing_is_told_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(World, "token", lambda *_: "of another store")
        with pytest.raises(NotTold, match="401"):
            await world.ask()
    nightly = {"metadata": {"name": "nightly", "namespace": world.tenant.namespace}, "spec": {"store": "acme"}}
    await world.tenant.cluster.create({"apiVersion": BACKUP.api_version, "kind": BACKUP.name, **nightly})
    await world.ask()
    with world.instance.http() as http:
        assert http.get("/backup").json() == {"backups": [{"id": "nightly", "state": "pending"}]}
