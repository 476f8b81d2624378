"""Whether a store's new pods have proven themselves, or will not. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from vectorstore_operator.objects import Object
from vectorstore_operator.observe.pods import IMAGE, answers_since, rollout, trouble

RESTARTS = 3
"""So often a container may end before it counts as one that will not start."""
REVISION = "controller-revision-hash"
"""The label by which a StatefulSet's controller tells its pods' revisions apart."""


def gate(
    live: Object | None, pods: Iterable[Object], wanted: int, since: datetime, now: datetime, seconds: int
) -> datetime | str | None:
    """How new pods fare: None when all answer, until when they may take where nothing is wrong, or why they failed.

    Args:
        live: the StatefulSet that makes them.
        pods: the store's, of whatever revision.
        wanted: how many there are to be.
        since: when they began to be replaced.
        now: the time.
        seconds: how long each may take: they are replaced one after another.
    """
    if live is not None and rollout(live, wanted).done:
        return None
    new = list(_new(live, pods))
    stuck = [pod for pod in new if _stuck(pod)]
    until = _until(new, wanted, since, timedelta(seconds=seconds))
    if not stuck and now < until:
        return until
    found = trouble(stuck or new)
    if found:
        return found[1]
    how = rollout(live, wanted).progress if live is not None else "there is no StatefulSet"
    return f"the new pods did not answer within {seconds} s: {how}"


def _until(new: Iterable[Object], wanted: int, since: datetime, each: timedelta) -> datetime:
    """When the next is to answer, however often one did that answered before."""
    answered = (at for pod in new if (at := answers_since(pod)))
    return min(max([since, *answered]) + each, since + wanted * each)


def _new(live: Object | None, pods: Iterable[Object]) -> Iterable[Object]:
    """The pods of the present revision; none while the controller has not seen what was applied last."""
    status = (live or {}).get("status") or {}
    if live is None or status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return []
    revision = status.get("updateRevision")
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(REVISION) == revision]


def _stuck(pod: Object) -> bool:
    """Whether a pod will not start however long it is waited for."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
        crashes = reason == "CrashLoopBackOff" and container.get("restartCount", 0) >= RESTARTS
        if reason in IMAGE or crashes:
            return True
    return False
