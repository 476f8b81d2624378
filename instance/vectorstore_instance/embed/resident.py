"""A model that is in memory while it is used, and for some time after.

The first text loads it. When no request has used it for so long, it is dropped, and the memory it
had goes back to the system: an idle store is small again. The next text loads it anew.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from typing import Generic, Protocol, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Calls it off."""


Later = Callable[[float, Callable[[], None]], Timer]
"""`asyncio.loop.call_later`, or a test's own clock."""


def call_later(seconds: float, then: Callable[[], None]) -> Timer:
    """The running loop's clock."""
    return asyncio.get_running_loop().call_later(seconds, then)


class Resident(Generic[T]):
    """One model and who uses it."""

    def __init__(self, load: Callable[[], T], executor: Executor, idle_seconds: float, later: Later) -> None:
        """Loads nothing yet.

        Args:
            load: makes the model, on a thread of the executor.
            executor: where loading and giving back are done.
            idle_seconds: so long after its last use it is dropped.
            later: the clock.
        """
        self._load = load
        self._executor = executor
        self._idle_seconds = idle_seconds
        self._later = later
        self._model: T | None = None
        self._changing = asyncio.Lock()
        self._users = 0
        self._timer: Timer | None = None
        self._drops: set[asyncio.Future[None]] = set()

    @property
    def loaded(self) -> bool:
        """Whether it is in memory."""
        return self._model is not None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[T]:
        """The model, which stays for as long as it is used."""
        self._users += 1
        self.keep()
        try:
            yield self._model if self._model is not None else await self._loaded()
        finally:
            self._users -= 1
            if not self._users and self._model is not None:
                self._timer = self._later(self._idle_seconds, self._drop)

    def keep(self) -> None:
        """Calls off its end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _loaded(self) -> T:
        async with self._changing:
            if self._model is None:
                self._model = await asyncio.get_running_loop().run_in_executor(self._executor, self._load)
            return self._model

    def _drop(self) -> None:
        self._timer = None
        if self._users:
            return
        log.info("the embedding model was not used for %g s: unloading it", self._idle_seconds)
        self._model = None
        drop = asyncio.get_running_loop().run_in_executor(self._executor, give_back)
        self._drops.add(drop)
        drop.add_done_callback(self._drops.discard)


def give_back() -> None:
    """Returns freed memory to the system, which the C library keeps for itself otherwise."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)
