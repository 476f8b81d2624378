"""Several operators, one of which works."""

from __future__ import annotations

import pytest
from tests.integration.operator.conftest import Start
from tests.support.operators import Tenant, accepted, wait_until

from vectorstore_operator.cluster.kinds import PLAN

pytestmark = pytest.mark.apiserver


async def test_the_second_takes_over_when_the_first_stops_and_never_writes_before(
    tenant: Tenant, start: Start, plan: str
) -> None:
    first = start()
    wait_until(lambda: first.value("leading") == 1)
    second = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", accepted)
    await tenant.until(PLAN.name, plan, lambda found: found["status"].get("stores") == 1)  # the last there is to write
    wait_until(lambda: second.value("stores") == 1)
    assert second.value("leading") == 0
    assert second.writes() == []

    assert first.stop() == 0
    wait_until(second.settled)
    assert second.writes() == []
    await tenant.store("bravo", plan=plan)
    await tenant.until("VectorStore", "bravo", accepted)


async def test_one_whose_lease_was_taken_stops_working_and_goes_on_when_it_is_free(
    tenant: Tenant, start: Start, plan: str
) -> None:
    operator = start()
    wait_until(lambda: operator.value("leading") == 1)
    lease = await tenant.have("Lease", "vectorstore-operator")
    await tenant.cluster.patch(lease, {"spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600}})
    wait_until(lambda: operator.value("leading") == 0)
    await tenant.store("acme", plan=plan)
    wait_until(lambda: operator.value("stores") == 1)
    assert await tenant.get("Service", "acme") is None

    lease = await tenant.have("Lease", "vectorstore-operator")
    await tenant.cluster.patch(lease, {"spec": {"holderIdentity": ""}})
    await tenant.until("VectorStore", "acme", accepted)
