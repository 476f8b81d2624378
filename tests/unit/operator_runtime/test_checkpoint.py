"""Checkpoints before moves, asked of a small HTTP server in an instance's place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from vectorstore_operator import names
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.instances import checkpoint
from vectorstore_operator.instances.checkpoint import Checkpoints
from vectorstore_operator.rollout.known import Checkpoint

ACME = Key("tenants", "acme")


class Instance:
    """What an instance answers: to the order, and then each time it is asked how far it is."""

    def __init__(self) -> None:
        self.order: tuple[int, Any] = (202, {"id": "7", "ended": None, "error": None, "done": 0})
        self.then: list[Any] = [{"id": "7", "ended": "now", "error": None, "done": 2}]
        self.asked: list[tuple[str, str]] = []

    async def post(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["Authorization"], await request.text()))
        return web.json_response(self.order[1], status=self.order[0])

    async def get(self, request: web.Request) -> web.Response:
        assert request.match_info["id"] == "7"
        return web.json_response(self.then.pop(0))


@pytest.fixture
async def instance(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instance]:
    served = Instance()
    app = web.Application()
    app.add_routes([web.post("/admin/maintenance", served.post), web.get("/admin/maintenance/{id}", served.get)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(names, "MANAGEMENT_PORT", runner.addresses[0][1])
    monkeypatch.setattr(checkpoint, "LOOK", 0)
    yield served
    await runner.cleanup()


class Asking:
    """Checkpoints of a store that is ready, or not, and the moment in which one has ended."""

    def __init__(self, ready: str = "True") -> None:
        cache, self.ended = Cache(), asyncio.Event()
        meta = {"namespace": "tenants", "resourceVersion": "1"}
        cache.put({"kind": "VectorStore", "metadata": meta | {"name": "acme", "uid": "u1"}})
        status = {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": ready}]}
        pod = meta | {"name": "acme-0", "uid": "p", "labels": names.labels("acme")}
        cache.put({"kind": "Pod", "metadata": pod, "status": status})
        self.checkpoints = Checkpoints(cache, lambda _: "the token", lambda _: self.ended.set())

    async def take(self) -> Checkpoint:
        assert self.checkpoints.state(ACME, "new") is None
        self.checkpoints.begin(ACME, "new")
        assert self.checkpoints.state(ACME, "new") == Checkpoint()
        return await self.taken()

    async def taken(self) -> Checkpoint:
        self.ended.clear()
        await asyncio.wait_for(self.ended.wait(), 10)
        found = self.checkpoints.state(ACME, "new")
        assert found
        return found


async def test_it_is_waited_for_until_the_instance_says_that_it_has_ended(instance: Instance) -> None:
    instance.then.insert(0, {"id": "7", "ended": None, "error": None, "done": 1})
    asking = Asking()
    assert (await asking.take()).taken
    assert instance.asked == [("Bearer the token", '{"operation": "checkpoint"}')]
    assert instance.then == []
    assert asking.checkpoints.state(ACME, "another") is None  # each move has its own
    asking.checkpoints.over(ACME, "another")
    assert asking.checkpoints.state(ACME, "new") == Checkpoint(taken=True)
    asking.checkpoints.over(ACME, "new")
    instance.then = [{"id": "7", "ended": "now", "error": None, "done": 2}]
    assert (await asking.take()).taken
    assert len(instance.asked) == 2


@pytest.mark.parametrize(
    "order",
    [
        (404, {"message": "not a route"}),
        (501, {"message": "this instance holds no files"}),
        (422, {"message": "body: Invalid enum value 'checkpoint' - at `$.operation`"}),
    ],
)
async def test_an_instance_that_takes_none_holds_up_no_move(instance: Instance, order: tuple[int, Any]) -> None:
    instance.order = order
    assert (await Asking().take()).taken


async def test_a_leader_that_is_not_ready_is_not_asked(instance: Instance) -> None:
    assert (await Asking("False").take()).taken
    assert instance.asked == []


@pytest.mark.parametrize(
    ("order", "then", "why"),
    [
        ((409, {"message": "vacuum is running"}), {}, "vacuum is running"),
        ((507, {"message": "no room"}), {}, "no room"),
        ((202, {"id": "7", "ended": None}), {"ended": "now", "error": "no room"}, "no room"),
        ((202, {"id": "7"}), {}, "KeyError: 'ended'"),
    ],
)
async def test_a_failure_is_told_and_tried_again_after_a_while(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, order: tuple[int, Any], then: Any, why: str
) -> None:
    instance.order, instance.then = order, [then]
    asking = Asking()
    stands = await asking.take()
    assert stands.failed
    assert why in stands.failed
    assert stands.again == checkpoint.AGAIN
    later = time.monotonic() + checkpoint.AGAIN
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert asking.checkpoints.state(ACME, "new") == Checkpoint(failed=stands.failed, due=True)
    instance.order, instance.then = Instance().order, Instance().then
    asking.checkpoints.begin(ACME, "new")
    assert asking.checkpoints.state(ACME, "new") == Checkpoint(failed=stands.failed)  # told until there is one
    assert (await asking.taken()).taken


async def test_one_that_hangs_is_given_up(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LONGEST", 0.0)
    assert "took more than 0 s" in str((await Asking().take()).failed)


async def test_one_under_way_ends_with_the_operator(instance: Instance) -> None:
    instance.then = [{"id": "7", "ended": None}] * 100_000
    asking = Asking()
    asking.checkpoints.begin(ACME, "new")
    await asking.checkpoints.stop()
    assert not asking.ended.is_set()
