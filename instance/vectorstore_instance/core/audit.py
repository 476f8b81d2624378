"""The audit log: who changed what and how much, and who was turned away. Never what was written or asked.

One event per write and per refusal, on the logger `vectorstore_instance.audit`. Reads are not audited.
Events are handed over after the answers of the same moment, so that nobody waits for them. A flood of
refusals is summed up: the first of each second are told one by one, the others as a number.
"""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Any

from vectorstore_instance.core.exchange import Exchange

log = logging.getLogger("vectorstore_instance.audit")

TOLD = 10
"""Refusals that are told one by one in a second: so many of known callers, so many of strangers."""
PATH = 256
"""Characters of a path that are told: an honest one has fewer."""
CLOSED = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INSUFFICIENT_STORAGE,
    }
)
"""Refusals that are told of reads, too: doors that were closed."""


class Audit:
    """The audit log of one tenant's instance."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._pending: list[dict[str, Any]] = []
        self._strangers = _Flood("strangers")
        self._callers = _Flood("known callers")

    def ended(self, exchange: Exchange, *, writes: bool) -> None:
        """Takes note of a request that has ended.

        Args:
            exchange: the request.
            writes: whether it was to change something.
        """
        if not writes and exchange.status not in CLOSED:
            return
        if _outcome(exchange.status) == "refused":
            flood = self._callers if exchange.caller else self._strangers
            if not flood.admits():
                return
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._tell)
        self._pending.append(self._event(exchange))

    def close(self) -> None:
        """Tells what is still to be told."""
        self._tell()
        self._strangers.sum_up()
        self._callers.sum_up()

    def _event(self, exchange: Exchange) -> dict[str, Any]:
        caller = exchange.caller
        return {
            "request": exchange.id,
            "caller": caller.name if caller else "",
            "role": caller.role if caller else "",
            "tenant": self._tenant,
            "method": exchange.method,
            "route": exchange.route,
            "path": exchange.path[:PATH],
            "rows": exchange.rows,
            "status": exchange.status,
            "error": exchange.error,
            "seconds": round(exchange.seconds, 6),
        }

    def _tell(self) -> None:
        events, self._pending = self._pending, []
        for event in events:
            log.info(_outcome(event["status"]), extra={"fields": event})


def _outcome(status: int) -> str:
    """In a word: `failed` and `abandoned` (the client left before the answer) may have been carried out."""
    if not status:
        return "abandoned"
    if status < HTTPStatus.BAD_REQUEST:
        return "written"
    return "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR or status in CLOSED else "failed"


class _Flood:
    """Lets so many events through in a second and says how many it kept."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._until = 0.0
        self._told = 0
        self._kept = 0

    def admits(self) -> bool:
        """Whether one more is to be told."""
        now = time.monotonic()
        if now >= self._until:
            self.sum_up()
            self._until, self._told = now + 1, 0
        if self._told < TOLD:
            self._told += 1
            return True
        if not self._kept:
            asyncio.get_running_loop().call_later(max(0.0, self._until - now), self.sum_up)
        self._kept += 1
        return False

    def sum_up(self) -> None:
        """Says how many were not told since the last time."""
        kept, self._kept = self._kept, 0
        if kept:
            log.warning("%d more refusals of %s were left out", kept, self._whose, extra={"fields": {"left_out": kept}})
