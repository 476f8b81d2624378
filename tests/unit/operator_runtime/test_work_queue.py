"""The work queue: once in line, one worker per key, back after failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from vectorstore_operator.workqueue import Bucket, WorkQueue, exponential


@asynccontextmanager
async def working(
    process: Callable[[str], Awaitable[float | None]], backoff: float = 0.0, workers: int = 4
) -> AsyncIterator[WorkQueue[str]]:
    queue = WorkQueue(process, lambda error, failures: backoff, workers=workers, bucket=Bucket(1e6, 1e6))
    run = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        run.cancel()
        await asyncio.wait({run})
        queue.close()


async def test_a_key_in_line_is_not_put_there_again() -> None:
    seen: list[str] = []

    async def process(key: str) -> None:
        seen.append(key)

    queue = WorkQueue(process, lambda error, failures: 0)
    for key in ("a", "a", "b", "a"):
        queue.add(key)
    assert len(queue) == 2


async def test_a_key_that_comes_back_while_worked_on_is_worked_on_once_more_and_never_twice_at_a_time() -> None:
    active = most = 0
    begun = asyncio.Semaphore(0)
    go = asyncio.Event()
    rounds = 0

    async def process(key: str) -> None:
        nonlocal active, most, rounds
        active += 1
        most, rounds = max(most, active), rounds + 1
        begun.release()
        await go.wait()
        active -= 1

    async with working(process) as queue:
        queue.add("a")
        await begun.acquire()
        queue.add("a")
        queue.add("a")
        go.set()
        await begun.acquire()
    assert (rounds, most) == (2, 1)


async def test_what_fails_comes_back_and_the_others_go_on() -> None:
    done = asyncio.Event()
    failures = 0

    async def process(key: str) -> None:
        nonlocal failures
        if key == "good":
            return
        failures += 1
        if failures < 3:
            raise ValueError(key)
        done.set()

    async with working(process) as queue:
        queue.add("bad")
        queue.add("good")
        async with asyncio.timeout(10):
            await done.wait()
    assert failures == 3


async def test_the_answer_says_when_to_look_again() -> None:
    again = asyncio.Event()
    looks = 0

    async def process(key: str) -> float | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            return 0.0
        again.set()
        return None

    async with working(process) as queue:
        queue.add("a")
        async with asyncio.timeout(10):
            await again.wait()


async def test_an_add_makes_a_later_date_superfluous_and_the_earlier_of_two_dates_stands() -> None:
    queue: WorkQueue[str] = WorkQueue(lambda key: asyncio.sleep(0), lambda error, failures: 0)
    loop = asyncio.get_running_loop()
    queue.add_after("a", 50)
    queue.add_after("a", 100)
    assert queue._timers["a"].when() <= loop.time() + 50
    queue.add_after("a", 10)
    assert queue._timers["a"].when() <= loop.time() + 10
    queue.add("a")
    assert not queue._timers
    assert len(queue) == 1


async def test_who_goes_ahead_is_worked_on_before_all_that_are_in_line_and_once() -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async def process(key: str) -> None:
        seen.append(key)
        if len(seen) == 5:
            done.set()

    async with working(process, workers=1) as queue:
        for key in ("a", "b", "c"):
            queue.add(key)
        queue.add("c", ahead=True)
        queue.add("d", ahead=True)
        queue.add("c")
        queue.add("e")
        assert len(queue) == 5
        async with asyncio.timeout(10):
            await done.wait()
    assert seen == ["c", "d", "a", "b", "e"]
    assert len(queue) == 0


async def test_who_goes_ahead_while_it_is_worked_on_is_the_next() -> None:
    seen: list[str] = []
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def process(key: str) -> None:
        seen.append(key)
        begun.set()
        await go.wait()
        if len(seen) == 3:
            done.set()

    async with working(process, workers=1) as queue:
        queue.add("a")
        await begun.wait()
        queue.add("b")
        queue.add("a", ahead=True)
        go.set()
        async with asyncio.timeout(10):
            await done.wait()
    assert seen == ["a", "a", "b"]


async def test_what_is_worked_on_at_the_end_may_end() -> None:
    begun, ended = asyncio.Event(), False

    async def process(key: str) -> None:
        nonlocal ended
        begun.set()
        await asyncio.sleep(0.01)
        ended = True

    async with working(process) as queue:
        queue.add("a")
        await begun.wait()
    assert ended


def test_backoff_doubles_up_to_a_ceiling_with_jitter() -> None:
    assert 0.15 <= exponential(1, 0.2) <= 0.25
    assert 0.6 <= exponential(3, 0.2) <= 1.0
    assert 225 <= exponential(1000, 0.2) <= 375


def test_a_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    now = 100.0
    bucket = Bucket(rate=10, burst=2, clock=lambda: now)
    assert [round(bucket.take(), 3) for _ in range(4)] == [0, 0, 0.1, 0.2]
    now += 10
    assert bucket.take() == 0


async def test_it_tells_how_long_the_first_in_line_waits_and_the_longest_look_takes() -> None:
    now = 100.0
    begun, go = asyncio.Event(), asyncio.Event()

    async def process(key: str) -> None:
        begun.set()
        await go.wait()

    queue = WorkQueue(process, lambda error, failures: 0, workers=1, clock=lambda: now)
    assert (queue.oldest, queue.longest) == (0, 0)
    queue.add("a")
    now += 5
    queue.add("b")
    queue.add("a")  # in line already: it has waited since it came
    assert (queue.oldest, queue.longest) == (5, 0)
    run = asyncio.create_task(queue.run(grace=0))
    await begun.wait()
    now += 2
    assert (queue.oldest, queue.longest) == (2, 2)
    run.cancel()
    await asyncio.wait({run})
