"""The only owner of the tenant's data: Chroma's own server as a child, and the files it writes.

Every face asks through `Engine.request`, in Chroma's own wire protocol. Behind it concurrent queries
become one (`reads`), writes of a collection keep one order and share commits (`writes`), and the
quota is kept (`quota`). An engine that is not ours (a leader pod, a remote Chroma) answers the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from vectorstore_instance.engine.reply import Reply

__all__ = ["DATABASE", "DATABASES", "Engine", "Known", "Phase", "Reply", "State", "Usage"]

DATABASES = "/api/v2/tenants/default_tenant/databases"
"""Where the store's databases are: one, unless somebody makes more or callers have their own."""

DATABASE = f"{DATABASES}/default_database"
"""Where the text routes' collections live: the database a Chroma client uses when it names none."""


@dataclass(frozen=True)
class Usage:
    """What the store holds, over all its collections."""

    documents: int
    bytes: int
    collections: int
    reclaimableBytes: int = 0
    """What maintenance could give back; spelt as answers have it."""


@dataclass(frozen=True)
class Known:
    """A collection, as far as its rows' requests need it."""

    id: str
    dimension: int | None
    """None while it is empty."""


Phase = Literal["starting", "recovering", "asleep", "awake", "away"]


@dataclass(frozen=True)
class State:
    """What the engine is doing, for probes and metrics."""

    phase: Phase
    """`away`: another server's engine that does not answer."""
    waiting_reads: int = 0
    """Queries that wait to be asked together with others."""
    waiting_writes: int = 0
    """Writes that wait for those before them."""
    starts: int = 0
    """How often a child was started."""
    repairs: int = 0
    """How many index folders and checkpoints were found damaged, or were left behind by a bad end."""
    replayed: int = 0
    """Operations that were replayed to repair them."""
    checkpoints: int = 0
    """How many checkpoints were taken."""
    pid: int = 0
    """The child's process; 0 while there is none."""
    silent: float = 0.0
    """Seconds for which a running child has not answered its heartbeat; 0 while it does."""
    unindexed: int = 0
    """Operations that a crash now would have to replay."""
    read_only: str = ""
    """Why nothing more may be written, with the remedy; empty while it may."""


class Engine(Protocol):
    """A Chroma server, ours or not."""

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Sends one request of Chroma's v2 API and returns its answer, errors included.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: path with query string, percent-encoded, as on the wire.
            body: JSON, as on the wire.

        Raises:
            ApiError: refused before the engine saw it (429 quota, 400 and 422 rows) or 503 engine away.
        """
        ...

    async def reset(self) -> Reply:
        """Deletes everything the store holds."""
        ...

    async def usage(self) -> Usage:
        """What the store holds; never wakes a sleeping engine."""
        ...

    async def start(self) -> None:
        """Makes ready to serve; the engine itself starts with the first request."""
        ...

    async def stop(self) -> None:
        """Ends everything in order: the writes under way first."""
        ...

    def glance(self, database: str, name: str) -> Known | None:
        """The collection of that name in a database of the default tenant; None where that is not known at once."""
        ...

    def state(self) -> State:
        """What the engine is doing; costs nothing and wakes nothing."""
        ...

    @property
    def ready(self) -> bool:
        """Whether requests can be served now or by waking the engine."""
        ...
