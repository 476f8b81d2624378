"""A plan's change on its way to the plan's stores, against a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.operator.conftest import Start
from tests.support.apiserver import ApiServer
from tests.support.operators import Tenant, accepted, condition, refused, wait_until
from tests.support.rollouts import Fleet, fleet_of

from vectorstore_operator.cluster.kinds import PLAN, STORE

pytestmark = pytest.mark.apiserver

CANARY = {"matchLabels": {"ring": "canary"}}
NAMES = [f"s{number:02}" for number in range(12)]


@pytest.fixture
async def fleet(served: ApiServer, tenant: Tenant) -> AsyncIterator[Fleet]:
    """A plan that three stores follow at a time, canaries first."""
    async with fleet_of(served, tenant, rollout={"maxConcurrent": 3, "canary": CANARY}) as found:
        yield found


async def test_a_change_goes_from_the_canaries_to_three_at_a_time_whoever_leads(fleet: Fleet, start: Start) -> None:
    first = start()
    await fleet.make(*NAMES, canaries=("s05", "s09"))
    fleet.answering = False
    await fleet.change(logFormat="json")
    await fleet.moving("s05", "s09")
    told = await fleet.told("Progressing", moving=2, waiting=10)
    assert told["changes"] == ["logFormat: none -> json"]
    assert "s09 goes first" in await fleet.waits("s00", "WaitsForCanaries")

    fleet.answer("s05")
    await fleet.told("Progressing", moving=1, updated=1)
    await fleet.moving("s09")
    fleet.answer("s09")
    await fleet.moving("s00", "s01", "s02")
    assert "maxConcurrent: 3" in await fleet.waits("s11", "Waiting")

    second = start()
    assert first.stop() == 0
    wait_until(second.settled)
    await fleet.told("Progressing", moving=3, updated=2)
    fleet.answer("s01")
    await fleet.moving("s00", "s02", "s03")

    fleet.answering = True
    fleet.answer("s00", "s02", "s03")
    await fleet.told("Done", updated=12, waiting=0)
    assert fleet.most == 3
    assert sorted(fleet.order) == NAMES
    assert set(fleet.order[:2]) == {"s05", "s09"}


async def test_a_store_that_fails_stops_it_and_a_mended_plan_goes_on(fleet: Fleet, start: Start) -> None:
    start()
    names = NAMES[:6]
    await fleet.make(*names)
    fleet.answering = False
    await fleet.change(logFormat="json")
    await fleet.moving("s00", "s01", "s02")
    fleet.fail("s01")
    await fleet.moving("s00", "s02")
    assert "not to be had" in await fleet.waits("s01", "RolledBack")
    assert "mend the plan" in await fleet.waits("s05", "RolloutStopped")
    fleet.answer("s00", "s01", "s02")
    await fleet.told("Stopped", updated=2, failed=1, waiting=3)
    await fleet.moving()
    plan = await fleet.tenant.have(PLAN.name, fleet.plan)
    assert f"{fleet.tenant.namespace}/s01" in condition(plan, "RolledOut")["message"]

    fleet.answering = True
    await fleet.change(scratch="300Mi")
    assert (await fleet.told("Done", updated=6))["failed"] == 0
    assert fleet.most == 3


async def test_what_cannot_be_made_of_any_edition_restarts_no_pod_that_serves(fleet: Fleet, start: Start) -> None:
    tenant, _ = fleet.tenant, start()
    await fleet.change(replicas={"min": 1, "max": 3})
    await fleet.make("acme")
    fleet.serve("acme")
    await fleet.change(logFormat="json", rollout={"paused": True})
    await fleet.waits("acme", "RolloutPaused")

    await tenant.change(STORE.name, "acme", paused=True)
    await tenant.until(STORE.name, "acme", lambda store: condition(store, "Progressing")["reason"] == "Paused")
    scaler = await tenant.have("HorizontalPodAutoscaler", "acme")
    await tenant.cluster.delete(scaler)
    await tenant.cluster.create(scaler | {"metadata": {"name": "acme", "namespace": tenant.namespace}})
    before = await tenant.have("StatefulSet", "acme")
    await tenant.change(STORE.name, "acme", paused=None)
    await tenant.until(STORE.name, "acme", refused("NameConflict"))
    assert (await tenant.have("StatefulSet", "acme"))["spec"] == before["spec"]


async def test_a_move_is_judged_by_the_pods_of_its_own_edition(fleet: Fleet, start: Start) -> None:
    start()
    await fleet.make("acme")
    fleet.answering = False
    await fleet.change(logFormat="json")
    await fleet.moving("acme")
    await fleet.change(replicas={"min": 2, "max": 2}, rollout={"paused": True})
    await fleet.waits("acme", "Moving")
    fleet.answer("acme")
    assert "spec.rollout.paused" in await fleet.waits("acme", "RolloutPaused")
    await fleet.moving()


async def test_owners_who_stop_a_move_hold_up_nobody_else(fleet: Fleet, start: Start) -> None:
    start()
    await fleet.make("acme", "bravo", "delta")
    fleet.answering = False
    await fleet.change(logFormat="json", rollout={"maxConcurrent": 1})
    await fleet.moving("acme")
    await fleet.tenant.change(STORE.name, "acme", paused=True)
    await fleet.moving("acme", "bravo")
    await fleet.tenant.change(STORE.name, "bravo", quota={"documents": 10**6})
    await fleet.moving("acme", "bravo", "delta")
    fleet.answer("acme", "bravo", "delta")
    await fleet.told("Done", updated=1, moving=0, refused=1)

    await fleet.tenant.change(STORE.name, "acme", paused=None)
    await fleet.tenant.change(STORE.name, "bravo", quota=None)
    await fleet.told("Done", updated=3)
    await fleet.moving()


async def test_a_paused_plan_shows_what_would_happen_and_nothing_moves(fleet: Fleet, start: Start) -> None:
    start()
    await fleet.make("acme", "bravo")
    await fleet.tenant.change(STORE.name, "bravo", quota={"documents": 900})
    await fleet.tenant.until(STORE.name, "bravo", accepted)
    await fleet.change(documents=800, cpu={"request": "200m"}, rollout={"paused": True})
    told = await fleet.told("Paused", waiting=1, refused=1)
    assert (told["stores"], told["restarts"], told["updated"]) == (2, 1, 0)
    assert told["changes"] == ["documents: 1000 -> 800", "cpu.request: 250m -> 200m"]
    await fleet.tenant.until(STORE.name, "bravo", refused("QuotaAbovePlan"))
    assert "spec.rollout.paused" in await fleet.waits("acme", "RolloutPaused")
    assert fleet.order == []

    await fleet.change(rollout={"paused": False})
    await fleet.told("Done", updated=1, refused=1)
    assert fleet.order == ["acme"]


async def test_outside_its_windows_a_plan_waits_and_says_until_when(fleet: Fleet, start: Start) -> None:
    start()
    await fleet.make("acme")
    later = (datetime.now(UTC) + timedelta(days=3)).strftime("%a")
    await fleet.change(logFormat="json", maintenance={"windows": [{"days": [later], "start": "12:00", "hours": 1}]})
    told = await fleet.told("OutsideWindow", waiting=1)
    assert told["next"] in await fleet.waits("acme", "WaitsForWindow")
    await fleet.change(maintenance={"windows": [{"start": "00:00", "hours": 24}]})
    await fleet.told("Done", updated=1)


async def test_stores_of_a_plan_that_is_gone_or_wrong_stay_as_they_are_and_go_on_when_it_is_back(
    fleet: Fleet, start: Start
) -> None:
    tenant, operator = fleet.tenant, start()
    await fleet.make("acme")
    wait_until(operator.settled)
    before = await tenant.versions()
    await tenant.delete(PLAN.name, fleet.plan)
    store = await tenant.until(STORE.name, "acme", refused("PlanNotFound"))
    message = condition(store, "Accepted")["message"]
    assert fleet.plan in message
    assert "stays as it is" in message
    assert condition(store, "Ready")["status"] == "True"
    wait_until(operator.settled)
    now = await tenant.versions()
    assert {name for name in before | now if before.get(name) != now.get(name)} - told(now) == set()

    await loses_a_child(tenant)
    assert refused("PlanNotFound")(await tenant.have(STORE.name, "acme"))

    await tenant.plan(fleet.plan, memory="64Mi")
    await tenant.until(STORE.name, "acme", refused("PlanTooSmall"))
    await loses_a_child(tenant)
    assert fleet.order == []

    await fleet.change(memory=None, logFormat="json")
    await fleet.told("Done", updated=1)
    await tenant.until(STORE.name, "acme", accepted)
    assert fleet.order == ["acme"]


async def loses_a_child(tenant: Tenant) -> None:
    """What a store lost comes back as it was."""
    former = await tenant.have("NetworkPolicy", "acme")
    await tenant.delete("NetworkPolicy", "acme")
    found = await tenant.until(
        "NetworkPolicy", "acme", lambda policy: policy["metadata"]["uid"] != former["metadata"]["uid"]
    )
    assert found["spec"] == former["spec"]


def told(versions: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    """What may differ when nothing but a status and Events were written."""
    return {name for name in versions if name[0] in (STORE.name, "Event")}
