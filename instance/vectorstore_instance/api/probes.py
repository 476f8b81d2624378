"""Starting, live, ready: three questions with three answers, none of which wakes a sleeping engine.

`/startupz`: has the first recovery ended? From then on yes for ever. Waiting for an archive is no start that hangs.
`/livez`: does this process make progress, and the engine that it runs? A slow request, a recovery or a
hung engine, which is replaced from here, are no reason to kill the pod; an engine that cannot be replaced is.
`/readyz`: would a request be served now, by an engine that is awake or can be woken?
"""

from __future__ import annotations

from collections.abc import Callable

from vectorstore_instance.engine import Engine, State

PROBES = ("/startupz", "/livez", "/readyz")

UNREADY_SECONDS = 10.0
"""A running engine that did not answer its heartbeat for so long serves nothing; a busy one answers in milliseconds."""
DEAD_SECONDS = 90.0
"""A hung engine is killed and replaced long before: after this, only the kernel can help."""

_PHASES = {
    "starting": "the store is starting",
    "recovering": "the engine makes its index again after a bad end",
    "away": "the server at ENGINE_URL or LEADER_URL does not answer",
}


class Probes:
    """The three answers of one instance: each is the reason against, or nothing."""

    def __init__(self, engine: Engine, stopping: Callable[[], bool], restoring: Callable[[], str] = lambda: "") -> None:
        """
        Args:
            engine: which is asked for its state.
            stopping: whether the instance was told to end.
            restoring: why a store that is to be restored serves nobody yet; empty where it does.
        """
        self._engine = engine
        self._stopping = stopping
        self._restoring = restoring
        self._started = False

    def answer(self, path: str) -> str:
        """Why the probe of this path fails; empty where it does not."""
        state = self._engine.state()
        self._started = self._started or state.phase not in ("starting", "recovering")
        if path == "/startupz":
            return "" if self._restoring() or self._started else _PHASES[state.phase]
        return self._live(state) if path == "/livez" else self._ready(state)

    def _live(self, state: State) -> str:
        return _silent(state) if state.silent > DEAD_SECONDS else ""

    def _ready(self, state: State) -> str:
        if self._stopping():
            return "the store is shutting down"
        if restoring := self._restoring():
            return restoring
        if state.silent > UNREADY_SECONDS:
            return _silent(state)
        return _PHASES.get(state.phase, "" if self._engine.ready else "the engine is not ready")


def _silent(state: State) -> str:
    return f"the engine has not answered its heartbeat for {state.silent:.0f} s"
