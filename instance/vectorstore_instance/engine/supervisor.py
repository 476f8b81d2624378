"""The life of the child: woken when it is needed, recovered after a bad end, stopped when idle.

One start is under way at a time, and whoever needs the engine waits for the same. A child that dies
by itself is started again at once, so that its indices are there before they are asked for; one that
does not answer its heartbeat is killed, which comes to the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from vectorstore_instance.core.errors import no_room, unavailable
from vectorstore_instance.engine.child import Child, start_child
from vectorstore_instance.engine.disk import Disk, NoRoom
from vectorstore_instance.engine.ending import to_its_end
from vectorstore_instance.engine.recovery import Recovery
from vectorstore_instance.settings import Settings

log = logging.getLogger(__name__)

SILENCE = 20.0
"""Seconds after which an engine that does not answer counts as hung."""
EARLY = 5.0
"""Seconds within which a death counts as a failed start."""


class Supervisor:
    """At most one child, and its start, its watch and its end."""

    def __init__(self, settings: Settings, disk: Disk) -> None:
        self._settings = settings
        self._disk = disk
        self._child: Child | None = None
        self._starting: asyncio.Task[Child] | None = None
        self._changing = asyncio.Lock()
        """Held while a child is started or stopped: never are there two."""
        self._early_deaths = 0
        self._on_duty = False
        self._distrusted = False
        self.recovery = Recovery(disk, self._launch)
        self.starts = 0
        """How often a child was started."""
        self._silent_since = 0.0
        """When the heartbeat was asked for that is still to come, on the monotonic clock; 0: none is."""

    @property
    def silent(self) -> float:
        """Seconds for which a running child has not answered its heartbeat."""
        return time.monotonic() - self._silent_since if self._silent_since and self.pid else 0.0

    @property
    def pid(self) -> int | None:
        """The child's process, while there is one."""
        return child.pid if (child := self.running) is not None else None

    @property
    def running(self) -> Child | None:
        """The child, where it runs and every index can be relied on."""
        return self._child if self._child is not None and self._child.alive else None

    async def begin(self) -> None:
        """Prepares new files, or recovers old ones after a bad end; leaves the child asleep after a good one.

        Raises:
            DiskError: the files cannot be used; ChildFailed: the engine cannot start.
        """
        if not self._disk.primed:
            # An empty folder has no tables to prepare: the engine makes them, and is started again.
            await (await self._launch()).stop()
        elif not self._disk.clean:
            await self._wake()
        self._on_duty = True

    async def end(self) -> None:
        """Stops the child for good."""
        self._on_duty = False
        await self.rest()

    async def child(self, deadline: float) -> Child:
        """The running child, woken if need be.

        Args:
            deadline: moment of the monotonic clock until which to wait for it.

        Raises:
            ApiError: 503 where it is not there by then.
        """
        if (child := self.running) is not None:
            return child
        start = self._wake()
        await asyncio.wait({start}, timeout=max(0.0, deadline - time.monotonic()))
        if not start.done():
            raise unavailable("the engine is recovering its index; try again in a moment", retry_after=5)
        if not start.cancelled() and isinstance(problem := start.exception(), NoRoom):
            raise no_room(str(problem))
        if start.cancelled() or start.exception():
            raise unavailable("the engine does not start; the instance's log says why", retry_after=5)
        return start.result()

    async def take_pulse(self) -> None:
        """Kills a child that hangs: it starts again, and what it holds up is asked anew."""
        child = self._child
        if child is None:
            return
        self._silent_since = self._silent_since or time.monotonic()
        if await child.answers(SILENCE):
            self._silent_since = 0.0
        elif child.alive:
            log.error("the engine did not answer its heartbeat for %.0f s: killing it", SILENCE)
            child.kill()

    async def rest(self) -> None:
        """Stops the child in order, if it runs, and witnesses it; ends a recovery, to be begun anew."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        async with self._changing:
            await self._stop()

    async def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None or not await child.stop() or self._distrusted:
            return
        try:
            await asyncio.to_thread(self._disk.seal)
        except OSError as problem:  # a full disk: the next start repairs what it cannot trust
            log.error("the index files could not be sealed: %s", problem)

    async def while_stopped(self, work: Callable[[], None]) -> None:
        """Stops the child in order, if it runs, and does something to its files; the next request wakes it.

        Once begun it is done to its end, even where the caller is cancelled.
        """
        await to_its_end(self._while_stopped(work))

    async def _while_stopped(self, work: Callable[[], None]) -> None:
        async with self._changing:
            await self._stop()
            await asyncio.to_thread(work)

    def distrust(self) -> None:
        """Has the files of this run of the engine repaired before the next, whatever its end: a write failed."""
        self._distrusted = True

    def _wake(self) -> asyncio.Task[Child]:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._prepared_child())
            self._starting.add_done_callback(self._note)
        return self._starting

    async def _prepared_child(self) -> Child:
        # A child that dies as soon as it is started is not started again as fast as that.
        await asyncio.sleep(min(5.0, 0.1 * 2**self._early_deaths) if self._early_deaths else 0)
        async with self._changing:
            child = await self.recovery.child()
            self._child, self._silent_since, self._distrusted = child, 0.0, False
        born = time.monotonic()
        child.ended.add_done_callback(lambda _: self._bury(child, time.monotonic() - born))
        return child

    def _note(self, start: asyncio.Task[Child]) -> None:
        """A start that nobody waited for must not fail in silence, nor a recovery be given up."""
        if start.cancelled() or (problem := start.exception()) is None:
            return
        log.error("%s", problem)
        if self.recovery.active:  # not ready, so no request will come and try again
            asyncio.get_running_loop().call_later(EARLY, self._wake)

    def _bury(self, child: Child, age: float) -> None:
        if child is not self._child or not self._on_duty:
            return
        self._child = None
        self._early_deaths = self._early_deaths + 1 if age < EARLY else 0
        log.error("the engine died %.1f s after its start; starting it again", age)
        self._wake()

    async def _launch(self) -> Child:
        settings = self._settings
        self.starts += 1
        return await start_child(
            settings.data_dir, settings.engine_port, self._disk.lock, allow_reset=settings.allow_reset
        )
