"""The operator is killed with SIGKILL whenever: another goes on from there; nothing is lost, left over or made twice.

Stores are created, changed, given other keys, hibernated, grown and deleted all the while. The operator that leads
dies at its n-th write, on whose way: before it is passed on, after it was done, or at any moment; another waits to
take over. A few kills here, SOAK_OPERATOR_KILLS of them in full.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.support.apiserver import ApiServer
from tests.support.caretaker import caretaker, collect
from tests.support.golden import IMAGE, differences
from tests.support.operators import WITHIN, Object, Running, Tenant, running, wait_until
from tests.support.wires import Wire, Write

from vectorstore_operator.cluster.kinds import SECRET, STORE
from vectorstore_operator.keys import keybook
from vectorstore_operator.keys.rotation import KEPT

pytestmark = pytest.mark.apiserver

KILLS = int(os.environ.get("SOAK_OPERATOR_KILLS", "8"))
NAMES = ("acme", "bravo", "coyote")
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


class Keys:
    """What a tenant sees of its credentials: every key it was ever shown, by store and role."""

    def __init__(self) -> None:
        self.shown: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.asked: Counter[str] = Counter()
        """How often an exchange was asked for, by uid of the store."""

    async def watch(self, tenant: Tenant) -> None:
        """Looks on; every key that was shown works, and no more were made than were asked for."""
        async for event, secret in tenant.seen(SECRET.name):
            if event != "DELETED" and secret["metadata"]["name"].endswith("-credentials"):
                self.see(secret)

    def see(self, secret: Object) -> None:
        (owner,) = secret["metadata"]["ownerReferences"]
        told = secret["metadata"].get("annotations")
        for role in keybook.ROLES:
            (key,) = keybook.lines(secret, role)
            shown = self.shown[owner["uid"], role]
            if key not in shown:
                shown.append(key)
            assert shown[-1] == key, "a former key is handed out again"
            assert len(shown) <= 1 + self.asked[owner["uid"]], f"nobody asked for a new key: {told}"
            assert set(shown[-KEPT:]) <= set(keybook.valid(secret, role, datetime.now(UTC))), "a key is lost"


class Tenants:
    """Those who do something with their stores."""

    def __init__(self, tenant: Tenant, plan: str, storage_class: str, keys: Keys, chance: random.Random) -> None:
        self.tenant, self.plan, self.storage_class, self.keys, self.chance = tenant, plan, storage_class, keys, chance
        self.sizes = dict.fromkeys(NAMES, 10)
        """GiB of each volume, which outlives its store."""
        self.did: Counter[str] = Counter()
        self.ended: set[str] = set()
        """Stores, by uid, that were deleted."""

    async def act(self) -> None:
        """Does one thing."""
        name = self.chance.choice(NAMES)
        store = await self.tenant.get(STORE.name, name)
        if store is None:
            spec = {"plan": self.plan, "replicas": self.chance.randint(1, 3)}
            storage = {"className": self.storage_class, "size": f"{self.sizes[name]}Gi"}
            await self.tenant.store(name, **spec, storage=storage, keys={"rotate": "0"})
            self.did["create"] += 1
            return
        what = self.chance.choice(
            (self.change, self.scale, self.exchange, self.exchange, self.sleep, self.grow, self.end)
        )
        await what(store)
        self.did[what.__name__] += 1

    async def change(self, store: Object) -> None:
        await self._change(store, quota={"documents": self.chance.randint(1, 1000)})

    async def scale(self, store: Object) -> None:
        await self._change(store, replicas=self.chance.randint(1, 3))

    async def exchange(self, store: Object) -> None:
        self.keys.asked[store["metadata"]["uid"]] += 1
        await self._change(store, keys={"rotate": str(int(store["spec"]["keys"]["rotate"]) + 1)})

    async def sleep(self, store: Object) -> None:
        await self._change(store, hibernated=not store["spec"].get("hibernated"))

    async def grow(self, store: Object) -> None:
        name = store["metadata"]["name"]
        self.sizes[name] += 1
        await self._change(store, storage={"size": f"{self.sizes[name]}Gi"})

    async def end(self, store: Object) -> None:
        self.ended.add(store["metadata"]["uid"])
        await self.tenant.cluster.delete(store)

    async def _change(self, store: Object, **spec: Any) -> None:
        await self.tenant.change(STORE.name, store["metadata"]["name"], **spec)


class Contender:
    """An operator on a wire of its own."""

    def __init__(self, served: ApiServer, tenant: Tenant, folder: Path) -> None:
        self._ends = ExitStack()
        self.wire = self._ends.enter_context(Wire(served, folder))
        settings: dict[str, Any] = {"watch_namespaces": tenant.namespace, "namespace": tenant.namespace}
        self.operator = self._ends.enter_context(
            running(self.wire.kubeconfig, folder, instance_image=IMAGE, **settings)
        )
        self.end = self._ends.close

    def dies_at(self, number: int, where: str) -> None:
        """Has it killed when it has written so often."""
        left = iter(range(number))

        def told(_: Write) -> None:
            if next(left, None) is None:
                if where == "before":
                    self.wire.dam()  # its writes are lost
                self.operator.process.kill()

        setattr(self.wire, where, told)


@pytest.fixture
def storage_class(served: ApiServer) -> Iterator[str]:
    """A StorageClass whose volumes can grow."""
    name = f"grows-{uuid4().hex[:8]}"
    head = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    made = head | {"provisioner": "block.csi.example", "allowVolumeExpansion": True}
    assert served.call("POST", CLASSES, made)[0] == 201
    yield name
    served.call("DELETE", f"{CLASSES}/{name}")


async def free(tenant: Tenant) -> None:
    """Gives the Lease away, as somebody does who knows that its holder is dead; else it runs out by itself."""
    await tenant.cluster.patch(await tenant.have("Lease", "vectorstore-operator"), {"spec": {"holderIdentity": ""}})


async def converged(tenant: Tenant, operator: Running) -> None:
    """Waits until everything is as it should be, which this operator sees to."""
    wrong: list[str] = []
    try:
        async with asyncio.timeout(WITHIN):
            while True:
                await collect(tenant)
                wrong = await differences(tenant) + await waiting_for_keys(tenant)
                if not wrong:
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError("\n".join([*wrong, operator.log.read_text()[-8000:]])) from None


async def waiting_for_keys(tenant: Tenant) -> list[str]:
    """Stores whose keys are not exchanged yet."""
    stores, _ = await tenant.cluster.list(STORE, tenant.namespace)
    return [
        f"{store['metadata']['name']}: keys are not exchanged"
        for store in stores
        if store.get("status", {}).get("keys", {}).get("rotate") != store["spec"]["keys"]["rotate"]
    ]


async def test_another_goes_on_from_wherever_one_was_killed(
    served: ApiServer, tenant: Tenant, plan: str, storage_class: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 30)
    chance, keys = random.Random(seed), Keys()
    tenants = Tenants(tenant, plan, storage_class, keys, chance)
    print(f"seed {seed}")

    crew: list[Contender] = []

    async def contender() -> Contender:
        crew.append(await asyncio.to_thread(Contender, served, tenant, tmp_path))
        return crew[-1]

    async def rounds() -> None:
        leads, waits = await contender(), await contender()
        for _ in range(KILLS):
            leads.dies_at(chance.randrange(30), chance.choice(("before", "after")))
            for _ in range(6):
                await tenants.act()
                await asyncio.sleep(chance.uniform(0, 0.1))
            leads.operator.process.kill()
            await asyncio.to_thread(leads.operator.process.wait)
            await free(tenant)
            await converged(tenant, waits.operator)
            began = min((write.began for write in waits.wire.writes), default=float("inf"))
            assert [write for write in leads.wire.writes if write.status and write.ended > began] == []
            await asyncio.to_thread(leads.end)
            leads, waits = waits, await contender()
        await asyncio.to_thread(wait_until, leads.operator.settled)
        leads.operator.stop()
        await asyncio.to_thread(wait_until, waits.operator.settled)
        assert waits.wire.writes == []

    try:
        async with caretaker(tenant), asyncio.TaskGroup() as group:
            watch = group.create_task(keys.watch(tenant))
            await rounds()
            watch.cancel()
    finally:
        for one in crew:
            await asyncio.to_thread(one.end)
    anew = await tenant.events("CredentialsRecreated")
    # One that was being looked at when it was deleted, and its keys with it, may have got some for a moment.
    assert [event for event in anew if event["regarding"]["uid"] not in tenants.ended] == []
    print(dict(tenants.did), f"{sum(map(len, keys.shown.values()))} keys")
