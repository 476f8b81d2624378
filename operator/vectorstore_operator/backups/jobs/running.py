"""Jobs, started and ended.

What came of a Job is read from the end of its pod, which is there for an hour; nothing is remembered here that a
restart of the operator would lose, but whether the Secret of a Job is known to be there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from vectorstore_operator.backups.jobs import job as render
from vectorstore_operator.backups.jobs.job import Order, Purpose
from vectorstore_operator.backups.jobs.shelf import JobShelf
from vectorstore_operator.backups.jobs.state import JobState, began, done, state
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.errors import Conflict
from vectorstore_operator.cluster.kinds import JOB, SECRET
from vectorstore_operator.names import BACKUP_LABEL
from vectorstore_operator.objects import Object
from vectorstore_operator.settings import OperatorSettings

LIMITED = ("vb-backup-", "vb-verify-")
"""How the names of Jobs begin of which only so many run at a time."""


class Jobs:
    """What an operator does with them while it leads."""

    def __init__(self, cluster: Cluster, shelf: JobShelf, settings: OperatorSettings) -> None:
        self._cluster, self.shelf, self._settings = cluster, shelf, settings
        self._whole: set[str] = set()
        """Uids of Jobs whose Secret is known to be there."""

    def state(self, purpose: Purpose) -> JobState | None:
        """How a Job fares; None where it has to be started: it is not there, or nobody knows of its Secret."""
        live = self.shelf.job(purpose.name, self._settings.namespace)
        if live is None:
            return None
        pods = self.shelf.pods(live)
        seen = state(live, pods, datetime.now(UTC))
        whole = seen.ended or live["metadata"]["uid"] in self._whole or any(map(began, pods))
        return seen if whole else None

    def last(self, purpose: Purpose) -> Purpose | None:
        """The last attempt of which there is a Job, for a purpose of whatever attempt."""
        tries = (replace(purpose, attempt=number) for number in range(9, 0, -1))
        return next((one for one in tries if self.shelf.job(one.name, self._settings.namespace)), None)

    def active(self) -> set[str]:
        """For whom, by uid, a Job of those runs of which there are only so many at a time."""
        return {_uid(job) for job in self.shelf.jobs() if _limited(job["metadata"]) and not done(job)}

    def names(self, purpose: Purpose) -> frozenset[str]:
        """The backups whose archives a Job that deletes was started for."""
        live = self.shelf.job(purpose.name, self._settings.namespace) or {"metadata": {}}
        told = (live["metadata"].get("annotations") or {}).get(render.NAMES_ANNOTATION, "")
        return frozenset(told.split())

    async def start(self, order: Order) -> None:
        """Makes the Job and its Secret, or what is missing of them.

        Raises:
            Forbidden, Invalid: the API server will not have it: a quota, an admission rule.
            ClusterError: start it again.
        """
        job = render.job(order, self._settings)
        try:
            live = await self._cluster.create(job)
        except Conflict:
            found = await self._cluster.get(JOB, self._settings.namespace, order.purpose.name)
            if found is None:
                raise
            live = found
        secret = render.secret(order, live)
        try:
            await self._cluster.create(secret)
        except Conflict:
            there = await self._cluster.get(SECRET, self._settings.namespace, order.purpose.name)
            if there is None or there["metadata"].get("ownerReferences") != secret["metadata"]["ownerReferences"]:
                raise  # that of a former Job of the name, which goes
        self._whole.add(live["metadata"]["uid"])
        self.shelf.put(live)

    async def discard(self, purpose: Purpose) -> None:
        """Ends a Job, if it is there; its pod takes back what it began."""
        live = self.shelf.job(purpose.name, self._settings.namespace)
        if live is not None:
            await self._cluster.delete(live)


def _uid(obj: Object) -> str:
    return str((obj["metadata"].get("labels") or {}).get(BACKUP_LABEL, ""))


def _limited(named: Object) -> bool:
    """Whether what has the name of a Job makes or proves a backup."""
    return str(named.get("name", "")).startswith(LIMITED)
