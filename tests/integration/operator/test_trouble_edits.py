"""Edits that overtake each other while an apply hangs: the last one wins, and nothing of the one before stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.apiserver import ApiServer
from tests.support.operators import Object, Tenant, accepted, running, wait_until
from tests.support.storms import proxied

from vectorstore_operator.cluster.kinds import CHILDREN, STORE

pytestmark = pytest.mark.apiserver

EDITED = {"replicas": 3, "quota": {"documents": 7}, "corsOrigins": ["https://b.example.org"]}


async def consists_of(tenant: Tenant) -> dict[tuple[str, str], Object]:
    """What the operator stated of the store's children, without the numbers of editions."""
    found = {}
    for kind in (kind for kind in CHILDREN if not kind.optional):
        for obj in (await tenant.cluster.list(kind, tenant.namespace, "vectorstore.dev/store=acme"))[0]:
            stated = {part: obj[part] for part in obj if part not in ("metadata", "status")}
            if kind.name == "ConfigMap":
                text = stated["data"]["limits.json"]
                stated["data"] = {"limits.json": re.sub(r'"generation":\d+', "", text)}
            found[kind.name, obj["metadata"]["name"]] = stated
    return found


@pytest.mark.parametrize("late", [False, True], ids=["while-it-is-waited-for", "after-it-was-given-up"])
async def test_a_change_that_is_taken_back_while_it_is_under_way_leaves_nothing(
    served: ApiServer, tenant: Tenant, plan: str, tmp_path: Path, late: bool
) -> None:
    settings = {"watch_namespaces": tenant.namespace, "namespace": tenant.namespace}
    with (
        proxied(served) as proxy,
        running(proxy.kubeconfig(tmp_path), tmp_path, **settings, instance_image="example.invalid/i:1") as operator,
    ):
        first = (await tenant.store("acme", plan=plan))["spec"]
        await tenant.until(STORE.name, "acme", accepted)
        wait_until(operator.settled)
        before, pods = await consists_of(tenant), await tenant.have("StatefulSet", "acme")

        proxy.hangs("^PATCH .*/statefulsets/acme")
        await tenant.change(STORE.name, "acme", **EDITED)
        wait_until(lambda: len(proxy.failed) > 0)
        edited = await tenant.have("ConfigMap", "acme-limits")
        assert '"max_documents":7' in edited["data"]["limits.json"], "it is half-way"
        await tenant.change(STORE.name, "acme", **{field: first.get(field) for field in EDITED})
        if late:
            await tenant.until(STORE.name, "acme", accepted)
            assert (await tenant.have("StatefulSet", "acme"))["metadata"]["generation"] == pods["metadata"][
                "generation"
            ]
        proxy.calm()
        there_and_back = pods["metadata"]["generation"] + 2
        await tenant.until("StatefulSet", "acme", lambda obj: obj["metadata"]["generation"] == there_and_back)
        await tenant.until(STORE.name, "acme", accepted)
        wait_until(operator.settled)
        assert await consists_of(tenant) == before
        assert "Traceback" not in operator.log.read_text()
