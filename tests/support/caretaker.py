"""The parts of a cluster that a lone API server lacks, as far as a store without pods needs them.

Claims are made from StatefulSets' templates, bound, grow as they are asked to, and are let go; so are the pods
of StatefulSets; what belonged to a deleted store goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.operators import Object, Tenant

from vectorstore_operator.cluster.errors import ClusterError, Conflict
from vectorstore_operator.cluster.kinds import CHILDREN, CLAIM, STATEFUL_SET, STORE
from vectorstore_operator.names import claim, labels


@asynccontextmanager
async def caretaker(tenant: Tenant) -> AsyncIterator[None]:
    """Looks after a namespace until the context ends."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part(tenant)) for part in (_stateful_sets, _claims, _deleted)]
        yield
        for task in tasks:
            task.cancel()


async def _stateful_sets(tenant: Tenant) -> None:
    async for event, live in tenant.seen(STATEFUL_SET.name):
        if event == "DELETED":
            continue
        with suppress(Conflict):  # a newer edition comes
            if "deletionTimestamp" in live["metadata"]:
                await tenant.cluster.patch(live, {"metadata": {"finalizers": None}})
            for ordinal in range(live["spec"]["replicas"]):
                await _claim(tenant, live, ordinal)


async def _claim(tenant: Tenant, stateful_set: Object, ordinal: int) -> None:
    (template,) = stateful_set["spec"]["volumeClaimTemplates"]
    store = stateful_set["metadata"]["name"]
    name = claim(store, ordinal)
    if await tenant.get(CLAIM.name, name) is None:
        meta = {"name": name, "namespace": tenant.namespace, "labels": labels(store)}
        head = {"apiVersion": "v1", "kind": CLAIM.name, "metadata": meta}
        await tenant.cluster.create({**head, "spec": template["spec"]})


async def _claims(tenant: Tenant) -> None:
    async for event, live in tenant.seen(CLAIM.name):
        status = {"phase": "Bound", "capacity": live["spec"]["resources"]["requests"]}
        with suppress(Conflict):  # a newer edition comes, or it is gone
            if event != "DELETED" and "deletionTimestamp" in live["metadata"]:
                await tenant.cluster.patch(live, {"metadata": {"finalizers": None}})  # no pod uses it
            elif event != "DELETED" and any(live["status"].get(field) != value for field, value in status.items()):
                meta = {name: live["metadata"][name] for name in ("name", "namespace", "uid")}
                await tenant.cluster.apply(live | {"metadata": meta, "status": status}, "status")


async def _deleted(tenant: Tenant) -> None:
    async for event, _ in tenant.seen(STORE.name):
        if event == "DELETED":
            await collect(tenant)


async def collect(tenant: Tenant) -> None:
    """The garbage collector's part: all goes that belongs to a store which is not there any more."""
    children = [o for kind in CHILDREN for o in await listed(tenant, kind.name)]
    alive = {store["metadata"]["uid"] for store in await listed(tenant, STORE.name)}  # after what they own
    for child in children:
        owners = child["metadata"].get("ownerReferences") or ()
        if owners and not any(owner["uid"] in alive for owner in owners):
            with suppress(Conflict):
                await tenant.cluster.delete(child)


async def listed(tenant: Tenant, kind: str) -> list[Object]:
    """All objects of a kind; none where there is no such kind."""
    found = next(each for each in (*CHILDREN, STORE) if each.name == kind)
    try:
        return (await tenant.cluster.list(found, tenant.namespace))[0]
    except ClusterError:
        if found.optional:
            return []
        raise
