"""Leadership among several contenders, by clocks that the test turns."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from vectorstore_operator.errors import Conflict, Transient
from vectorstore_operator.lease import DURATION, PATIENCE, Lease


class Record:
    """One Lease with the API server's rule: a write must name the edition it read."""

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = None
        self.broken = False

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
    assert PATIENCE < DURATION


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
