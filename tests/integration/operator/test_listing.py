"""Listings that come in several pages."""

from __future__ import annotations

import pytest
from tests.support.operators import Tenant

from vectorstore_operator.cluster import api
from vectorstore_operator.cluster.kinds import KINDS

pytestmark = pytest.mark.apiserver


async def test_all_pages_together_are_the_listing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAGE", 2)
    kind, names = KINDS["ConfigMap"], [f"c{number}" for number in range(5)]
    for name in names:
        meta = {"name": name, "namespace": tenant.namespace, "labels": {"app": "test"}}
        await tenant.cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    pages = [page async for page in tenant.cluster.pages(kind, tenant.namespace, "app=test")]
    assert [len(items) for items, _ in pages] == [2, 2, 1]
    assert [obj["metadata"]["name"] for items, _ in pages for obj in items] == names
    assert {obj["kind"] for items, _ in pages for obj in items} == {"ConfigMap"}
    (version,) = {version for _, version in pages}
    first = await tenant.cluster.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after", "namespace": tenant.namespace}}
    )
    async for event, obj in tenant.cluster.watch(kind, tenant.namespace, "", version):
        assert (event, obj["metadata"]["uid"]) == ("ADDED", first["metadata"]["uid"])
        break
