"""Jobs as they fare in the cluster, and the start and the end of one.

What came of a Job is read from the end of its pod, which is there for an hour; nothing is remembered here that a
restart of the operator would lose, but whether the Secret of a Job is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from vectorstore_instance.backup.result import Result
from vectorstore_operator.backups.jobs import job as render
from vectorstore_operator.backups.jobs.job import Order, Purpose
from vectorstore_operator.backups.known import BEGINNING, Item, moment
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Key, Place
from vectorstore_operator.cluster.errors import Conflict
from vectorstore_operator.cluster.kinds import JOB, SECRET
from vectorstore_operator.cluster.newest import Newest
from vectorstore_operator.names import BACKUP_LABEL
from vectorstore_operator.objects import Object, controller
from vectorstore_operator.observe.pods import IMAGE, NOT_MADE
from vectorstore_operator.settings import OperatorSettings

LIMITED = ("vb-backup-", "vb-verify-")
"""How the names of Jobs begin of which only so many run at a time."""

SETTLE = timedelta(seconds=10)
"""For which the news of a pod may be behind those of its Job."""
LATE = timedelta(minutes=2)
"""In which a pod has usually started."""


@dataclass(frozen=True)
class JobState:
    """How one Job fares."""

    started: datetime
    """When it was made."""
    ended: datetime | None = None
    """When it ended, well or not."""
    result: Result | None = None
    """What its pod said came of it."""
    reason: str = ""
    """Why it failed without a result, or why its pod cannot start: a stable word such as ImageUnavailable."""
    failed: str | None = None
    """Likewise, for people."""


class JobShelf:
    """The Jobs there are and their pods; filled by `watching`."""

    def __init__(self) -> None:
        self._jobs, self._pods = Newest(trim), Newest(trim)
        self.absent: set[str] = set()
        """Kinds that the operator may not see."""

    def job(self, name: str, namespace: str) -> Object | None:
        """A Job as last seen."""
        return self._jobs.get(Key(namespace, name))

    def jobs(self) -> list[Object]:
        """All of them."""
        return self._jobs.all()

    def pods(self, job: Object) -> list[Object]:
        """Those of a Job."""
        uid = job["metadata"]["uid"]
        return [pod for pod in self._pods.all() if (owner := controller(pod)) and owner["uid"] == uid]

    def left(self, uid: str) -> bool:
        """Whether anything may still run for a backup or store: pods outlive their Jobs by a while."""
        return any(
            pod["metadata"].get("labels", {}).get(BACKUP_LABEL) == uid and not _over(pod) for pod in self._pods.all()
        )

    def put(self, obj: Object) -> Item | None:
        """Keeps an object that is newer than what is known; tells whom it is for if so."""
        return whom(kept) if (kept := self._of(obj["kind"]).put(obj)) else None

    def drop(self, obj: Object) -> Item | None:
        """Forgets an object that was deleted; tells whom it was for."""
        return whom(gone) if (gone := self._of(obj["kind"]).drop(obj)) else None

    def retain(self, kind: str, namespace: str | None, places: Iterable[Place], version: str) -> set[Item]:
        """Forgets what a listing did not have; tells whom it was for."""
        gone = self._of(kind).retain(namespace, (Key(*place[1:]) for place in places), int(version))
        return {item for obj in gone if (item := whom(obj))}

    def _of(self, kind: str) -> Newest[Object]:
        return self._jobs if kind == JOB.name else self._pods


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
        whole = seen.ended or live["metadata"]["uid"] in self._whole or any(map(_began, pods))
        return seen if whole else None

    def last(self, purpose: Purpose) -> Purpose | None:
        """The last attempt of which there is a Job, for a purpose of whatever attempt."""
        tries = (replace(purpose, attempt=number) for number in range(9, 0, -1))
        return next((one for one in tries if self.shelf.job(one.name, self._settings.namespace)), None)

    def active(self) -> set[str]:
        """For whom, by uid, a Job of those runs of which there are only so many at a time."""
        return {_uid(job) for job in self.shelf.jobs() if _limited(job["metadata"]) and not _done(job)}

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


def state(job: Object, pods: Iterable[Object], now: datetime) -> JobState:
    """How a Job fares, by its status and its pods. Pure.

    Pods are watched apart from Jobs: that of a Job that ended may not be known to have ended yet.
    """
    end = _done(job)
    newest = max(pods, key=_made, default=None)
    seen = JobState(
        started=moment(job["metadata"].get("creationTimestamp")) or BEGINNING,
        ended=(moment(end.get("lastTransitionTime")) or BEGINNING) if end else None,
        result=result(newest) if newest else None,
    )
    if seen.result is not None:
        return seen
    if seen.ended and now - seen.ended < SETTLE and not (newest and _over(newest)):
        return replace(seen, ended=None)
    reason, failed = _ended(end, newest) if end else _stuck(newest) if newest else ("", None)
    if not end and not reason and now - seen.started > LATE and not (newest and _began(newest)):
        reason, failed = "NotStarted", f"{_unstarted(newest)}: kubectl describe, in the operator's namespace, tells why"
    return replace(seen, reason=reason, failed=failed)


def result(pod: Object) -> Result | None:
    """What a pod said at its end; None where it has not ended, or said nothing that can be read."""
    ended = _container(pod).get("state", {}).get("terminated") or {}
    try:
        return Result.model_validate_json(ended.get("message") or "")
    except ValidationError:
        return None


def _ended(end: Object, pod: Object | None) -> tuple[str, str]:
    if end.get("reason") == "DeadlineExceeded":
        return "TooSlow", "its Job took longer than it may; look at the destination's and the store's speed"
    ended = _container(pod or {}).get("state", {}).get("terminated") or {}
    if ended.get("reason") == "OOMKilled":
        return "OutOfMemory", "the pod of its Job ran out of memory"
    how = f"with exit code {ended['exitCode']}" if "exitCode" in ended else "as its node or somebody else ended it"
    return "Interrupted", f"the pod of its Job ended {how}, and did not say what came of it"


def _stuck(pod: Object) -> tuple[str, str | None]:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return "Unschedulable", f"no node takes the pod of its Job: {condition.get('message', '')}"
    waiting = _container(pod).get("state", {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in IMAGE:
        return "ImageUnavailable", f"{reason}: {message}; check the operator's instance image"
    if reason in NOT_MADE:
        return "ContainerNotMade", f"{reason}: {message}"
    return "", None


def _unstarted(pod: Object | None) -> str:
    if pod is None:
        return "its Job has got no pod, for a quota or an admission rule"
    return "the pod of its Job does not start, for a volume or an image that is not there yet"


def whom(obj: Object) -> Item | None:
    """Whom a Job or a pod of one is for."""
    kind, _, rest = str((obj["metadata"].get("annotations") or {}).get(render.FOR_ANNOTATION, "")).partition("/")
    namespace, _, name = rest.partition("/")
    return Item("store" if kind == "store" else "backup", namespace, name) if name else None


def trim(obj: Object) -> Object:
    """A Job or pod without what nobody here reads."""
    meta = obj["metadata"]
    kept = ("name", "namespace", "uid", "labels", "annotations", "creationTimestamp", "ownerReferences")
    return {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj["kind"],
        "metadata": {name: meta[name] for name in kept if name in meta},
        "status": obj.get("status") or {},
    }


def _made(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def _container(pod: Object) -> Object:
    return next(iter((pod.get("status") or {}).get("containerStatuses") or ()), {})


def _done(job: Object) -> Object | None:
    """The condition that says that a Job ended."""
    told = (job.get("status") or {}).get("conditions") or ()
    return next((one for one in told if one["type"] in ("Complete", "Failed") and one["status"] == "True"), None)


def _uid(obj: Object) -> str:
    return str((obj["metadata"].get("labels") or {}).get(BACKUP_LABEL, ""))


def _limited(named: Object) -> bool:
    """Whether what has the name of a Job makes or proves a backup."""
    return str(named.get("name", "")).startswith(LIMITED)


def _began(pod: Object) -> bool:
    return bool(_container(pod).get("state", {}).keys() & {"running", "terminated"})


def _over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
