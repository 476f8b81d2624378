"""Everything kopf does for this operator, on one page: it runs it, and watches stores and plans.

Only event handlers look at objects: with those alone kopf writes nothing to any of them. They fill the
cache, and tell that kopf listed anew. kopf's indices are not used: while it fills one every object waits
for all others, which with a thousand takes seconds, and sixteen times as long with four thousand.
Children are watched by `watch`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import kopf

from vectorstore_operator.api import GROUP, VERSION
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.kinds import PLAN, STORE
from vectorstore_operator.cluster.patience import Endless, missing_kind
from vectorstore_operator.objects import Object


class NoEssence(kopf.DiffBaseStorage):
    """Nobody here asks kopf what changed, so nothing is copied for a comparison."""

    def build(self, **_: Any) -> Any:
        """Nothing to compare."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing was kept."""
        return None

    def store(self, **_: Any) -> None:
        """Keeps nothing."""


def settings() -> kopf.OperatorSettings:
    """kopf as a runtime: no Events, no peering, no look at CRDs and namespaces."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.persistence.diffbase_storage = NoEssence()
    chosen.networking.error_backoffs = Endless()
    chosen.networking.connect_timeout = 10
    chosen.networking.request_timeout = 60  # of a listing; watches have their own
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
        found = kopf.login_with_kubeconfig(**context) or kopf.login_with_service_account(**context)
        return session(found) if found else None

    @kopf.on.startup(registry=handlers)
    async def begin(**_: Any) -> None:
        await start()

    @kopf.on.cleanup(registry=handlers)
    async def end(**_: Any) -> None:
        await stop()

    async def see(event: kopf.RawEvent, **_: Any) -> None:
        obj: Any = event["object"]
        if key := cache.drop(obj) if event["type"] == "DELETED" else cache.put(obj):
            changed(key)
        saw(obj)
        if event["type"] is None:
            relisted()

    for kind in (STORE, PLAN):
        kopf.on.event(GROUP, VERSION, kind.plural, id=f"see-{kind.plural}", registry=handlers)(see)
    return handlers


def session(found: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """The session that kopf would make of these credentials, except that it waits for kinds that are missing."""
    opened = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context()),
        headers=found.as_http_headers(),
        proxy=found.proxy_url,
        trust_env=found.trust_env,
        middlewares=(missing_kind,),
    )
    return kopf.AiohttpSession(
        server=found.server,
        default_namespace=found.default_namespace,
        expiration=found.expiration,
        aiohttp_session=opened,
    )
