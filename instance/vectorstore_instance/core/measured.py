"""The engine and the embedding model as the observer sees them: each call a span, and vectors counted and timed.

They are put around the real ones in `main`, so that neither knows that it is watched; around the engine
only where there are traces.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vectorstore_instance.core.observer import Observer
from vectorstore_instance.embed import Embedder
from vectorstore_instance.engine import Engine, Known, Reply, State, Usage
from vectorstore_instance.engine.route import route

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MeasuredEmbedder:
    """An `Embedder` whose work is counted."""

    def __init__(self, embedder: Embedder, observer: Observer) -> None:
        self._embedder = embedder
        self._observer = observer
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens

    @property
    def loaded(self) -> bool:
        """See `Embedder.loaded`."""
        return self._embedder.loaded

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        started = time.monotonic()
        with self._observer.span("embed", texts=len(texts)):
            vectors = await self._embedder.embed(texts)
        self._observer.tally.embedded(len(texts), time.monotonic() - started)
        return vectors

    async def split(self, text: str, size: int, overlap: int) -> list[tuple[int, int]]:
        """See `Embedder.split`."""
        return await self._embedder.split(text, size, overlap)

    async def readable(self, texts: list[str]) -> list[int]:
        """See `Embedder.readable`."""
        return await self._embedder.readable(texts)

    async def close(self) -> None:
        """See `Embedder.close`."""
        await self._embedder.close()


class TracedEngine:
    """An `Engine` whose requests are spans: from the call to the answer, waiting included."""

    def __init__(self, engine: Engine, observer: Observer) -> None:
        self._engine = engine
        self._observer = observer

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """See `Engine.request`."""
        with self._observer.span(f"engine {route(method, path).label}"):
            return await self._engine.request(method, path, body)

    async def reset(self) -> Reply:
        """See `Engine.reset`."""
        with self._observer.span("engine reset"):
            return await self._engine.reset()

    async def usage(self) -> Usage:
        """See `Engine.usage`."""
        return await self._engine.usage()

    async def start(self) -> None:
        """See `Engine.start`."""
        await self._engine.start()

    async def stop(self) -> None:
        """See `Engine.stop`."""
        await self._engine.stop()

    def glance(self, database: str, name: str) -> Known | None:
        """See `Engine.glance`."""
        return self._engine.glance(database, name)

    def state(self) -> State:
        """See `Engine.state`."""
        return self._engine.state()

    @property
    def ready(self) -> bool:
        """See `Engine.ready`."""
        return self._engine.ready
