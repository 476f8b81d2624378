"""Events on stores, as the API server takes them; `observe.news` says what is worth one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from vectorstore_operator import times
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.errors import ClusterError
from vectorstore_operator.cluster.kinds import EVENT
from vectorstore_operator.names import MANAGER
from vectorstore_operator.objects import Object

log = logging.getLogger(__name__)


class News(NamedTuple):
    """What an Event says."""

    type: str
    """Normal or Warning."""
    reason: str
    note: str


class Recorder:
    """Writes Events; a store is not held up by one that cannot be written."""

    def __init__(self, cluster: Cluster, identity: str, counted: Callable[[str], None]) -> None:
        """
        Args:
            cluster: where they are written.
            identity: who tells them.
            counted: told the reason of every one.
        """
        self._cluster, self._identity, self._counted = cluster, identity, counted

    async def tell(self, about: Object, news: News) -> None:
        """Writes one Event about an object."""
        meta = about["metadata"]
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"name": f"{meta['name']}.{uuid4().hex[:16]}", "namespace": meta.get("namespace") or "default"},
            "eventTime": times.micro_time(datetime.now(UTC)),
            "reportingController": MANAGER,
            "reportingInstance": self._identity[:128],
            "action": "Reconcile",
            "type": news.type,
            "reason": news.reason,
            "note": news.note[:1024],
            "regarding": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": meta["name"],
                "namespace": meta.get("namespace", ""),
                "uid": meta["uid"],
            },
        }
        self._counted(news.reason)
        try:
            await self._cluster.create(event)
        except ClusterError as error:
            log.warning("event %s about %s: %s", news.reason, meta["name"], error)
