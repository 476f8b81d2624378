"""Changes of what collections are called and made with.

Chroma 1.5.9 looks at a collection and then changes it, in one transaction that is none to write in from its
beginning. Where somebody committed in between (another such change, a write to another collection) SQLite
refuses it at once (SQLITE_BUSY_SNAPSHOT) and Chroma answers 500. Nothing was changed then: it is sent again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from vectorstore_instance.core.errors import unavailable
from vectorstore_instance.engine.reply import Reply

LOCKED = b"database is locked"
"""What the engine says when somebody committed in between."""
ATTEMPTS = 50
"""Times that a change is sent: each takes a millisecond or two, and somebody's commit falls into few of them."""
PAUSE = 0.02
"""Seconds between two of them at most: by chance, so that those that met do not meet again."""


async def modify(put: Callable[[], Awaitable[Reply]]) -> Reply:
    """Changes a collection.

    Args:
        put: sends the change, and returns the engine's answer.

    Raises:
        ApiError: 503 where the engine is not there, or somebody's commit got in between each time.
    """
    for _ in range(ATTEMPTS):
        reply = await put()
        if reply.status != HTTPStatus.INTERNAL_SERVER_ERROR or LOCKED not in reply.body:
            return reply
        await asyncio.sleep(random.uniform(0, PAUSE))  # noqa: S311 - not a secret
    raise unavailable("others write all the while, so the collection was not changed; send it again")
