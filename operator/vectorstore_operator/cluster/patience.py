"""What lets kopf's two watches outlast any trouble of the API server.

By itself kopf ends the operator when a request failed nine times (a minute of 5xx), and at once over a 404:
https://github.com/nolar/kopf/blob/main/kopf/_cogs/clients/api.py. So its tries go on without end, and
a kind that is missing (its definition was removed while we run) fails like a connection, which is tried
again. When it is back the watch finds itself too far behind, and kopf lists anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import aiohttp

from vectorstore_operator.cluster.kinds import PLAN, STORE
from vectorstore_operator.workqueue import exponential

NOT_FOUND = 404


class Endless:
    """Seconds between tries: doubling from half a second up to half a minute, and so on for ever."""

    def __iter__(self) -> Iterator[float]:
        return (exponential(failures, 0.5, 30.0) for failures in count(1))


async def missing_kind(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Answers to listings and watches of stores and plans, of which "no such kind" is none.

    Raises:
        ClientConnectionError: it was that.
    """
    response = await handler(request)
    if response.status == NOT_FOUND and request.url.name in (STORE.plural, PLAN.plural):
        response.close()
        raise aiohttp.ClientConnectionError(f"there is no kind {request.url.name}; are the CRDs installed?")
    return response
