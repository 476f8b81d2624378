"""The work queue: which stores want a look, each at most once in line and never with two workers.

Keys that somebody waits for go ahead of the others: a change of one store is not behind a thousand that
an operator finds when it starts. A key that comes back while it is worked on is worked on once more
after. What fails returns with exponential backoff and jitter; a token bucket bounds how many are begun
per second, so that nothing that goes round in circles can drown the API server.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


def exponential(failures: int, base: float, most: float = 300.0) -> float:
    """Seconds to wait after so many failures in a row: doubling from `base`, each spread over ±25 %."""
    spread: float = random.uniform(0.75, 1.25)  # noqa: S311
    return min(most, base * 2.0 ** min(failures - 1, 20)) * spread


class Bucket:
    """Tokens: `rate` come per second, up to `burst` are kept."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] | None = None) -> None:
        self._rate, self._burst = rate, burst
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._left, self._at = burst, 0.0

    def take(self) -> float:
        """Takes one token and tells how many seconds to wait until it is there."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._left / self._rate)


class WorkQueue(Generic[K]):
    """Keys and the workers that process them."""

    def __init__(
        self,
        process: Callable[[K], Awaitable[float | None]],
        backoff: Callable[[Exception, int], float],
        *,
        workers: int = 16,
        bucket: Bucket | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            process: does the work; returns in how many seconds the key wants another look, or None.
            backoff: told the error and how often in a row the key failed, says seconds until the retry.
            workers: keys processed at a time.
            bucket: bounds the rate; by default 200 per second after a burst of 400.
            clock: seconds, monotonic; asked from other threads, too.
        """
        self._process, self._backoff, self._workers = process, backoff, workers
        self._bucket = bucket or Bucket(200, 400)
        self._line: asyncio.PriorityQueue[tuple[bool, int, K]] = asyncio.PriorityQueue()
        self._places = itertools.count()
        self._clock = clock
        self._waiting: dict[K, float] = {}
        self._ahead: set[K] = set()
        self._active: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Keys in line."""
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """Keys being worked on."""
        return len(self._active)

    @property
    def oldest(self) -> float:
        """Seconds for which the first in line has waited; 0 while none does."""
        return self._since(self._waiting)

    @property
    def longest(self) -> float:
        """Seconds for which one key has been worked on longest; 0 while none is."""
        return self._since(self._active)

    def _since(self, began: dict[K, float]) -> float:
        first = next(iter(list(began.values())), None)  # in the order they came
        return 0.0 if first is None else self._clock() - first

    def add(self, key: K, *, ahead: bool = False) -> None:
        """Puts a key in line, if it is not there: at the end, or behind those alone that went `ahead` before it."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._waiting and (not ahead or key in self._ahead):
            return
        self._waiting.setdefault(key, self._clock())
        if ahead:
            self._ahead.add(key)
        if key not in self._active:
            self._line_up(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Puts a key in line later; an earlier date stands, and an `add` makes it superfluous."""
        loop = asyncio.get_running_loop()
        if timer := self._timers.get(key):
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    def close(self) -> None:
        """Forgets what was to come later."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def run(self, grace: float = 0.5) -> None:
        """Works until cancelled; what is being worked on then has `grace` seconds to end."""
        busy: set[asyncio.Task[None]] = set()
        room = asyncio.Semaphore(self._workers)
        try:
            while True:
                await room.acquire()
                key = await self._first()
                self._active[key] = self._clock()
                task = asyncio.create_task(self._work(key), name=f"work {key}")
                busy.add(task)
                task.add_done_callback(busy.discard)
                task.add_done_callback(partial(self._done, key))  # even one cancelled before it began
                task.add_done_callback(lambda _: room.release())
                await asyncio.sleep(self._bucket.take())
        finally:
            if busy:
                await asyncio.wait(busy, timeout=grace)
            for task in busy:
                task.cancel()

    def _line_up(self, key: K) -> None:
        self._line.put_nowait((key not in self._ahead, next(self._places), key))

    async def _first(self) -> K:
        """Takes the first in line, as soon as there is one."""
        while True:
            _, _, key = await self._line.get()
            if key in self._waiting and key not in self._active:  # else it went ahead, and this is its former place
                del self._waiting[key]
                self._ahead.discard(key)
                return key

    async def _work(self, key: K) -> None:
        try:
            again = await self._process(key)
        except Exception as error:  # whatever it is: the others go on, and this one comes back
            self._failures[key] = self._failures.get(key, 0) + 1
            self.add_after(key, self._backoff(error, self._failures[key]))
        else:
            self._failures.pop(key, None)
            if again is not None:
                self.add_after(key, again)

    def _done(self, key: K, _: object) -> None:
        self._active.pop(key, None)
        if key in self._waiting:
            self._line_up(key)
