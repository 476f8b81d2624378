"""Leadership among several contenders, by clocks that the test turns."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vectorstore_operator.cluster import lease, permit
from vectorstore_operator.cluster.errors import Conflict, Transient
from vectorstore_operator.cluster.lease import DURATION, PATIENCE, Lease


class Record:
    """One Lease with the API server's rule: a write must name the edition it read."""

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = None
        self.broken = False
        self.watched, self.changed = asyncio.Event(), asyncio.Event()

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any] | None:
        if self.broken:
            raise Transient("no answer")
        return copy.deepcopy(self.live)

    async def create(self, obj: dict[str, Any]) -> None:
        if self.live:
            raise Conflict("exists")
        self.live = copy.deepcopy(obj)
        self.live["metadata"]["resourceVersion"] = "1"

    async def replace(self, obj: dict[str, Any]) -> None:
        assert self.live
        if obj["metadata"]["resourceVersion"] != self.live["metadata"]["resourceVersion"]:
            raise Conflict("changed")
        self.live = copy.deepcopy(obj)
        self.live["metadata"]["resourceVersion"] = str(int(obj["metadata"]["resourceVersion"]) + 1)
        self.changed.set()

    async def watch(self, *of: object) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        assert self.live
        assert of[3] == self.live["metadata"]["resourceVersion"]
        self.changed.clear()
        self.watched.set()
        while True:
            await self.changed.wait()
            self.changed.clear()
            yield "MODIFIED", copy.deepcopy(self.live)


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def contender(record: Record, name: str, clock: Clock) -> Lease:
    return Lease(record, "system", "operator", name, clock)  # type: ignore[arg-type]


async def test_the_first_takes_it_and_the_second_waits() -> None:
    record = Record()
    a, b = contender(record, "a", Clock(0)), contender(record, "b", Clock(5000))
    assert await a.step()
    assert not await b.step()
    assert a.holds()
    assert not b.holds()


async def test_expiry_is_judged_by_when_the_record_was_last_seen_to_change() -> None:
    record = Record()
    clock_a, clock_b = Clock(0), Clock(1_000_000)
    a, b = contender(record, "a", clock_a), contender(record, "b", clock_b)
    await a.step()
    for _ in range(10):  # a lives: b never gets it, whatever its clock says
        clock_a.now += 5
        clock_b.now += 5
        assert await a.step()
        assert not await b.step()
    clock_b.now += DURATION - 0.1
    assert not await b.step()
    clock_b.now += 0.1
    assert await b.step()
    assert record.live
    assert record.live["spec"]["leaseTransitions"] == 2


async def test_the_holder_stops_writing_before_another_may_begin() -> None:
    record, clock = Record(), Clock(0)
    a = contender(record, "a", clock)
    await a.step()
    record.broken = True
    clock.now = PATIENCE - 0.1
    with pytest.raises(Transient):
        await a.step()
    assert a.holds()
    clock.now = PATIENCE
    assert not a.holds()
    assert PATIENCE + permit.WITHIN <= DURATION


async def test_what_is_given_back_is_free_at_once() -> None:
    record, clock = Record(), Clock(0)
    a, b = contender(record, "a", clock), contender(record, "b", clock)
    await a.step()
    await b.step()
    await a.release()
    assert not a.holds()
    assert await b.step()


async def test_of_two_takers_one_gets_it() -> None:
    record, clock = Record(), Clock(0)
    a, b = contender(record, "a", clock), contender(record, "b", clock)
    await a.step()
    await a.release()
    read = await record.get(None, "", "")
    await b.step()

    async def stale(*_: object) -> dict[str, Any] | None:
        return read

    record.get = stale  # type: ignore[method-assign,assignment]
    with pytest.raises(Conflict):
        await a.step()
    assert not a.holds()


async def test_one_that_lost_it_knows_as_soon_as_it_looks() -> None:
    record, clock_a, clock_b = Record(), Clock(0), Clock(0)
    a, b = contender(record, "a", clock_a), contender(record, "b", clock_b)
    await a.step()
    await b.step()
    clock_b.now = DURATION
    assert await b.step()
    assert not await a.step()
    assert not a.holds()


async def test_clocks_that_are_set_back_take_nothing_away() -> None:
    record, clock = Record(), Clock(0)
    b = contender(record, "b", clock)
    for renewed in ("2026-06-01T00:00:00Z", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "2020-01-01T00:00:00Z"):
        spec = {"holderIdentity": "a", "renewTime": renewed, "leaseDurationSeconds": DURATION}
        record.live = {"metadata": {"resourceVersion": "1"}, "spec": spec}
        assert not await b.step()
        clock.now += DURATION - 1
    assert not await b.step()


async def test_who_laid_it_down_writes_no_more_and_is_its_holder_until_it_is_given_back() -> None:
    record, clock = Record(), Clock(0)
    a, b = contender(record, "a", clock), contender(record, "b", clock)
    await a.step()
    a.lay_down()
    assert not a.holds()
    assert not await b.step()
    await a.release()
    assert await b.step()
    await a.release()  # not a's any more
    assert b.holds()
    assert not await a.step()


async def test_who_waits_takes_it_when_it_is_given_back_and_not_at_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "INTERVAL", 3600)
    record = Record()
    a, b = contender(record, "a", Clock(0)), contender(record, "b", Clock(0))
    await a.step()
    waiting = asyncio.create_task(b.run())
    await record.watched.wait()
    await a.step()  # a sign of life is no invitation
    await asyncio.sleep(0)
    assert not b.holds()
    await a.release()
    await b.wait(held=True)
    waiting.cancel()


async def test_who_waits_takes_it_when_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "INTERVAL", 3600)
    monkeypatch.setattr(lease, "DURATION", 0.05)
    record, loop = Record(), asyncio.get_running_loop()
    a = contender(record, "a", Clock(0))
    b = Lease(record, "system", "operator", "b", loop.time)  # type: ignore[arg-type]
    await a.step()
    waiting = asyncio.create_task(b.run())
    await record.watched.wait()
    assert not b.holds()
    await b.wait(held=True)
    waiting.cancel()
