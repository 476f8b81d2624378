"""Those who shared a commit are waited for, and no longer than told."""

from __future__ import annotations

import asyncio

from vectorstore_instance.engine.lane import LINGER, LONGEST, Lane, Write, patience
from vectorstore_instance.engine.route import Kind, Route


def _write() -> Write:
    return Write(Route(Kind.MODIFY, "a-collection"), b"", None)


async def test_gathering_ends_with_the_last_that_is_waited_for() -> None:
    lane = Lane()
    gathering = asyncio.create_task(lane.gather(2, seconds=3600))
    await asyncio.sleep(0)
    lane.put(_write())
    await asyncio.sleep(0)
    assert not gathering.done()
    lane.put(_write())
    await asyncio.wait_for(gathering, 10)


async def test_gathering_ends_when_its_time_is_over() -> None:
    lane = Lane()
    lane.put(_write())
    await lane.gather(2, seconds=0.001)
    assert len(lane.waiting) == 1


def test_who_shared_a_commit_that_an_engine_in_recovery_held_up_is_waited_for_no_longer_than_others() -> None:
    assert patience(0.02) == LINGER * 0.02
    assert patience(30) == LONGEST
