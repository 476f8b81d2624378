"""Events on a store: told when something changed, never again while it stays so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from vectorstore_operator import times
from vectorstore_operator.cluster import Cluster
from vectorstore_operator.errors import ClusterError
from vectorstore_operator.health import HIBERNATED
from vectorstore_operator.kinds import EVENT
from vectorstore_operator.metrics import Metrics
from vectorstore_operator.names import MANAGER
from vectorstore_operator.objects import Object

log = logging.getLogger(__name__)

TOLD = ("Accepted", "Ready")
"""The conditions whose changes are worth an Event."""


class News(NamedTuple):
    """What an Event says."""

    type: str
    """Normal or Warning."""
    reason: str
    note: str


def transitions(before: Object, after: Object) -> Iterator[News]:
    """What changed from one status to the next: bad news at once, good news after bad or when first ready."""
    old = {c["type"]: c for c in before.get("conditions", ())}
    for now in after.get("conditions", ()):
        was = old.get(now["type"])
        if now["type"] not in TOLD or (was and (was["status"], was["reason"]) == (now["status"], now["reason"])):
            continue
        good = now["status"] == "True"
        changed = was is not None and was["status"] != now["status"]
        if good and (changed or now["type"] == "Ready"):
            yield News("Normal", now["reason"], now["message"])
        if not good and (changed or now["type"] == "Accepted"):
            yield News("Normal" if now["reason"] == HIBERNATED else "Warning", now["reason"], now["message"])
    yield from of_keys(before.get("keys") or {}, after.get("keys") or {}, after.get("secret"))


def of_keys(old: Object, now: Object, secret: str | None) -> Iterator[News]:
    """What became of a store's keys; the first that is told of them is no news."""
    if not old or not now:
        return
    until, source = now.get("formerValidUntil"), now.get("secretName")
    former = f"those made before are valid until {until}" if until else "those made before are void"
    if now.get("revoke") != old.get("revoke"):
        yield News("Normal", "CredentialsRevoked", f"new keys are in Secret {secret}; {former}")
    elif source != old.get("secretName"):
        taken = f"taken from Secret {source}" if source else "looked after by the operator again"
        yield News("Normal", "CredentialsReplaced", f"keys are {taken}; {former}")
    elif now.get("rotatedAt") != old.get("rotatedAt"):
        yield News("Normal", "CredentialsRotated", f"new keys are in Secret {secret}; {former}")
    elif old.get("formerValidUntil") and not until:
        yield News("Normal", "CredentialsExpired", "the former keys are not valid any more")


class Recorder:
    """Writes Events; a store is not held up by one that cannot be written."""

    def __init__(self, cluster: Cluster, identity: str, metrics: Metrics) -> None:
        self._cluster, self._identity, self._metrics = cluster, identity, metrics

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
        self._metrics.events.labels(news.reason).inc()
        try:
            await self._cluster.create(event)
        except ClusterError as error:
            log.warning("event %s about %s: %s", news.reason, meta["name"], error)
