"""How a store's pods fare: how many of those wanted run what is wanted, and what keeps the others from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from vectorstore_operator import names
from vectorstore_operator.objects import Children, Object

IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
NOT_MADE = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


@dataclass(frozen=True)
class Rollout:
    """Where a StatefulSet stands."""

    wanted: int
    there: int
    updated: int
    ready: int
    current: bool
    """Whether its controller has seen the spec and no pod of an earlier revision is left."""

    @property
    def done(self) -> bool:
        """Whether all that is wanted, and only that, is there and answers."""
        return self.current and self.there == self.updated == self.ready == self.wanted

    @property
    def stage(self) -> str:
        """What is still to come, as a reason."""
        if self.there != self.wanted:
            return "Scaling"
        return "Starting" if self.current and self.updated == self.wanted else "RollingOut"

    @property
    def progress(self) -> str:
        """How far it is, as a message."""
        return f"of {self.wanted} pods {self.there} are there, {self.updated} as they should be, {self.ready} answer"


def rollout(stateful_set: Object, wanted: int | None = None) -> Rollout:
    """Where a StatefulSet stands.

    Args:
        stateful_set: as it is.
        wanted: how many pods there should be; omitted, what the StatefulSet says itself.
    """
    asked = stateful_set["spec"].get("replicas", 1)
    status = stateful_set.get("status") or {}
    seen = status.get("observedGeneration", 0) >= stateful_set["metadata"].get("generation", 0)
    same = status.get("currentRevision") == status.get("updateRevision")
    return Rollout(
        wanted=asked if wanted is None else wanted,
        there=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        current=seen and same and wanted in (None, asked),
    )


def unattended(stateful_set: Object) -> bool:
    """Whether a StatefulSet goes, or its controller has not looked at it yet: its status says nothing of the pods."""
    return "deletionTimestamp" in stateful_set["metadata"] or "observedGeneration" not in (
        stateful_set.get("status") or {}
    )


def standing(pods: Iterable[Object], wanted: int) -> Rollout | None:
    """Where pods stand while nobody looks after them, as when their StatefulSet is made anew; None without pods."""
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    if not staying:
        return None
    ready = sum(1 for pod in staying if is_ready(pod))
    return Rollout(wanted, there=len(staying), updated=len(staying), ready=ready, current=True)


def is_ready(pod: Object) -> bool:
    """Whether a pod answers."""
    return any(_readiness(pod))


def serves(children: Children) -> bool:
    """Whether any pod among a store's children answers."""
    return any(is_ready(child) for (kind, _), child in children.items() if kind == "Pod")


def answers_since(pod: Object) -> datetime | None:
    """Since when a pod answers; None where it does not, or that is not told."""
    return next(
        (datetime.fromisoformat(c["lastTransitionTime"]) for c in _readiness(pod) if "lastTransitionTime" in c), None
    )


def _readiness(pod: Object) -> Iterator[Object]:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return (c for c in conditions if c["type"] == "Ready" and c["status"] == "True")


def management_url(address: str) -> str:
    """Where a pod's probes, numbers and admin surface are, by its IP address."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{names.MANAGEMENT_PORT}"


def trouble(pods: Iterable[Object]) -> tuple[str, str] | None:
    """Reason and message of the first pod that cannot run, by name; None when all may just need time."""
    return next((found for pod in sorted(pods, key=lambda p: p["metadata"]["name"]) for found in _troubles(pod)), None)


def _troubles(pod: Object) -> Iterator[tuple[str, str]]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            why = condition.get("message", "")
            yield "Unschedulable", f"pod {name}: no node takes it: {why}; add or free one, or choose a smaller plan"
    for container in status.get("containerStatuses") or ():
        waiting = container.get("state", {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in IMAGE:
            yield "ImageUnavailable", f"pod {name}: {reason}: {message}; check the operator's instance image"
        elif reason in NOT_MADE:
            yield "ContainerNotMade", f"pod {name}: {reason}: {message}"
        elif (ended := _ended(container, reason)) is not None:
            yield _crash(pod, container, ended)


def _ended(container: Object, waiting: str) -> Object | None:
    """How the container ended, if it is not running and should be."""
    if waiting == "CrashLoopBackOff":
        return container.get("lastState", {}).get("terminated") or {}
    ended: Object = container.get("state", {}).get("terminated") or {}
    return ended if ended.get("exitCode") else None


def _crash(pod: Object, container: Object, ended: Object) -> tuple[str, str]:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    times = f"restarted {container.get('restartCount', 0)} times"
    if ended.get("reason") == "OOMKilled":
        return "OutOfMemory", f"pod {name}: ran out of memory, {times}; choose a larger plan or raise the plan's memory"
    how = f"ended with exit code {ended['exitCode']}" if "exitCode" in ended else "ended"
    why = f": {said}" if (said := ended.get("message", "").strip()) else ""
    return "Crashing", f"pod {name}: {how}, {times}{why}; see: kubectl logs -n {namespace} {name} --previous"
