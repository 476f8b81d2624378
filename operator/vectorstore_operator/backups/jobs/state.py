"""How a Job fares, by its status and its pods. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import ValidationError

from vectorstore_instance.backup.result import Result
from vectorstore_operator.backups.known import BEGINNING, moment
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.pods import IMAGE, NOT_MADE

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


def state(job: Object, pods: Iterable[Object], now: datetime) -> JobState:
    """How a Job fares, by its status and its pods. Pure.

    Pods are watched apart from Jobs: that of a Job that ended may not be known to have ended yet.
    """
    end = done(job)
    newest = max(pods, key=_made, default=None)
    seen = JobState(
        started=moment(job["metadata"].get("creationTimestamp")) or BEGINNING,
        ended=(moment(end.get("lastTransitionTime")) or BEGINNING) if end else None,
        result=result(newest) if newest else None,
    )
    if seen.result is not None:
        return seen
    if seen.ended and now - seen.ended < SETTLE and not (newest and over(newest)):
        return replace(seen, ended=None)
    reason, failed = _ended(end, newest) if end else _stuck(newest) if newest else ("", None)
    if not end and not reason and now - seen.started > LATE and not (newest and began(newest)):
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


def done(job: Object) -> Object | None:
    """The condition that says that a Job ended."""
    told = (job.get("status") or {}).get("conditions") or ()
    return next((one for one in told if one["type"] in ("Complete", "Failed") and one["status"] == "True"), None)


def began(pod: Object) -> bool:
    """Whether what a pod runs has begun."""
    return bool(_container(pod).get("state", {}).keys() & {"running", "terminated"})


def over(pod: Object) -> bool:
    """Whether a pod has ended."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _made(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def _container(pod: Object) -> Object:
    return next(iter((pod.get("status") or {}).get("containerStatuses") or ()), {})
