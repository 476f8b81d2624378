"""Writing children: what is stated of them is of the very edition that was seen."""

from __future__ import annotations

from typing import Any

import pytest

from vectorstore_operator import objects
from vectorstore_operator.cluster.cache import Cache
from vectorstore_operator.cluster.errors import Conflict, Invalid
from vectorstore_operator.names import MANAGER
from vectorstore_operator.reconcile.applying import Hands
from vectorstore_operator.telemetry.metrics import Metrics

OURS = {"manager": MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:spec": {"f:ports": {}}}}
THEIRS = {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": {"f:selector": {}}}}


class Live:
    """One Service, which takes nothing that was made of another edition of it."""

    def __init__(self, *fields: dict[str, Any], refuses: int = 0) -> None:
        self.version, self.fields, self.refuses = 7, list(fields), refuses

    def seen(self) -> dict[str, Any]:
        head = {"name": "acme", "namespace": "tenants", "uid": "1", "labels": {"vectorstore.dev/store": "acme"}}
        meta = head | {"resourceVersion": str(self.version), "managedFields": self.fields}
        return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {}}

    async def get(self, *_: object) -> dict[str, Any]:
        return self.seen()

    async def apply(self, obj: dict[str, Any]) -> dict[str, Any]:
        if self.refuses:
            self.refuses -= 1
            raise Invalid("no")
        return self._written(obj)

    async def patch(self, obj: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        self.fields = change["metadata"]["managedFields"]
        return self._written(obj)

    def _written(self, obj: dict[str, Any]) -> dict[str, Any]:
        if (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]) != ("1", str(self.version)):
            raise Conflict("changed")
        self.version += 1
        return self.seen()


STATED = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "acme", "namespace": "tenants", "labels": {"vectorstore.dev/store": "acme"}},
    "spec": {},
}


async def applied(live: Live, seen: dict[str, Any]) -> None:
    hands = Hands(live, Cache(), Metrics())  # type: ignore[arg-type]
    await hands.apply(STATED, {objects.key(seen): seen})


async def test_what_was_changed_since_it_was_seen_is_not_overwritten() -> None:
    live = Live(OURS)
    seen = live.seen()
    await applied(live, seen)
    with pytest.raises(Conflict):
        await applied(live, seen)


@pytest.mark.parametrize("refuses", [0, 1])
async def test_what_others_stated_is_taken_over_and_stated_again(refuses: int) -> None:
    live = Live(OURS, THEIRS, refuses=refuses)
    await applied(live, live.seen())
    assert [entry["manager"] for entry in live.fields] == [MANAGER]
    assert live.version == 10 - refuses
