"""Many may pass together, or one alone: rows are written side by side, collections changed alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """A lock that is shared by some and exclusive to others, who are not kept waiting by newcomers."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._inside = 0
        self._alone = 0
        """Those who wait to be alone, and the one who is."""

    @property
    def closed(self) -> bool:
        """Whether somebody is alone, or waits to be."""
        return self._alone > 0

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Inside together with others who share."""
        if self.closed:
            async with self._changed:
                await self._changed.wait_for(lambda: not self.closed)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if self.closed:
                async with self._changed:
                    self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Inside with nobody else."""
        self._alone += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._inside)
                yield
        finally:
            self._alone -= 1
            async with self._changed:
                self._changed.notify_all()
