"""A request on its way to the child: wakes it, and asks again after its death where that does no harm."""

from __future__ import annotations

import asyncio
import re
import time
from http import HTTPStatus

from vectorstore_instance.core.errors import ApiError, unavailable
from vectorstore_instance.engine import Reply
from vectorstore_instance.engine.client import UpstreamLost
from vectorstore_instance.engine.pressure import Pressure
from vectorstore_instance.engine.supervisor import Supervisor

DROPS = 3
"""Times that a living engine may hang up on a request: on some, it always does, and each time costs it a thread."""
CRIPPLED = re.compile(rb"Error sending [a-z ]+ to compactor")
"""What a living engine says once the part of it that takes rows in has died, whatever it is asked."""
PATIENCE = 30.0
"""Seconds that a request waits for an engine that is starting, recovering or coming back."""


class Sender:
    """Asks whichever child there is; knows when it was last needed."""

    def __init__(self, supervisor: Supervisor, pressure: Pressure) -> None:
        self._supervisor = supervisor
        self._pressure = pressure
        self._last_use = time.monotonic()
        self.in_flight = 0
        """Requests under way."""

    def quiet_seconds(self) -> float:
        """Seconds since the last request ended; 0 while one is under way."""
        return 0.0 if self.in_flight else time.monotonic() - self._last_use

    async def send(self, method: str, path: str, body: bytes, again: bool) -> Reply:
        """Sends one request and returns its answer.

        Args:
            method: of the request.
            path: of the request.
            body: of the request.
            again: whether it may be sent again where it is not known whether it was carried out.

        Raises:
            ApiError: 503 where no engine answers in time; 500 where it hangs up on this request; 507 on a full disk;
                409 for a collection that was set apart.
        """
        deadline = time.monotonic() + PATIENCE
        dropped = 0
        self.in_flight += 1
        try:
            while True:
                child = await self._supervisor.child(deadline)
                self._supervisor.recovery.check(path)
                try:
                    reply = await child.client.request(method, path, body)
                    crippled = reply.status == HTTPStatus.INTERNAL_SERVER_ERROR and CRIPPLED.search(reply.body)
                    if crippled or self._pressure.met_full_disk(reply):
                        child.kill()  # a commit that fails holds its lock, and every later write waits for it
                    if not (crippled and again and dropped <= DROPS):
                        return reply
                    dropped += 1
                except UpstreamLost as lost:
                    dropped += lost.reached
                    if dropped > DROPS and child.alive:
                        raise ApiError(
                            HTTPStatus.INTERNAL_SERVER_ERROR,
                            "InternalError",
                            "the engine hangs up on this request whenever it is asked; ask in another way",
                        ) from None
                    if not again or time.monotonic() > deadline:
                        raise unavailable(
                            f"the engine went away before it answered ({lost}); "
                            "whether the request was carried out is not known: look, then send it again"
                        ) from None
                if child.alive:
                    await asyncio.sleep(0.01)  # a kept connection broke; or its end is about to be noticed
        finally:
            self.in_flight -= 1
            self._last_use = time.monotonic()
