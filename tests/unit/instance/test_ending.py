"""What has begun is done to its end."""

from __future__ import annotations

import asyncio

import pytest

from vectorstore_instance.engine.ending import to_its_end


async def test_a_cancellation_waits_for_the_end() -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), False

    async def work() -> None:
        nonlocal done
        begun.set()
        await may_end.wait()
        done = True

    waiting = asyncio.create_task(to_its_end(work()))
    await begun.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done


async def test_a_failure_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        await to_its_end(fail())
