"""Everything kopf does for this operator, on one page: it runs it, and watches stores and plans.

Only index and event handlers look at objects: with those alone kopf writes nothing to any of them.
The index handlers fill the cache, for all kinds before anything else; the event handler sees what
went, and that kopf listed anew. Children are watched by `watch`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from vectorstore_operator.api import GROUP, VERSION
from vectorstore_operator.cache import Cache, Key
from vectorstore_operator.kinds import PLAN, STORE
from vectorstore_operator.objects import Object


def settings() -> kopf.OperatorSettings:
    """kopf as a runtime: no Events, no peering, no look at CRDs and namespaces."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    for name in ("kopf.objects", "kopf.activities"):  # they say "succeeded" for every event
        logging.getLogger(name).setLevel(logging.WARNING)
    return chosen


def registry(
    cache: Cache,
    changed: Callable[[Key], None],
    saw: Callable[[Object], None],
    relisted: Callable[[], None],
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
) -> kopf.OperatorRegistry:
    """The handlers.

    Args:
        cache: is filled.
        changed: told of every store and plan that changed or went.
        saw: told of every object the watches bring.
        relisted: told that objects were listed: deletions may have been missed.
        start: begins everything else; kopf watches nothing before it returns.
        stop: ends everything else, at a signal or the stop flag; kopf would cancel it after 5 s.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**context: Any) -> Any:
        return kopf.login_with_kubeconfig(**context) or kopf.login_with_service_account(**context)

    @kopf.on.startup(registry=handlers)
    async def begin(**_: Any) -> None:
        await start()

    @kopf.on.cleanup(registry=handlers)
    async def end(**_: Any) -> None:
        await stop()

    async def keep(body: kopf.Body, **_: Any) -> None:
        if key := cache.put(dict(body)):
            changed(key)

    async def see(event: kopf.RawEvent, **_: Any) -> None:
        obj: Any = event["object"]
        saw(obj)
        if event["type"] is None:
            relisted()
        elif event["type"] == "DELETED" and (key := cache.drop(obj)):
            changed(key)

    for kind in (STORE, PLAN):
        kopf.index(GROUP, VERSION, kind.plural, id=f"keep-{kind.plural}", registry=handlers)(keep)
        kopf.on.event(GROUP, VERSION, kind.plural, id=f"see-{kind.plural}", registry=handlers)(see)
    return handlers
