"""What is next for one backup, by what is known of it, its Jobs and its store. Pure.

    Pending -> Running -> [Verifying ->] Completed | Failed

What is begun is told first and done then, and each try has a Job of its own with a name that follows from it: so
an operator that is killed anywhere finds out what it had begun, and does it once. A backup that could not be
proven has failed: `Complete` says that it is there, `Verified` why it is not to be relied on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from vectorstore_instance.backup.result import Info, Result
from vectorstore_operator import times
from vectorstore_operator.backups.jobs.state import JobState
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.conditions import Told, told
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.observe.pods import is_ready
from vectorstore_operator.refusal import Refusal

MOST = 3
"""Tries of one thing."""
AGAIN = (timedelta(seconds=30), timedelta(minutes=2))
"""Until the second try, and the third."""
PATIENCE = timedelta(days=1)
"""For which a backup waits until it can be begun."""
COMES = timedelta(seconds=5)
"""In which its store may come: of a manifest with both the one or the other is seen first."""
STARTS = timedelta(minutes=15)
"""In which the pod of a Job has to start."""

LOOK = 15.0
"""Seconds between two looks at what runs: a pod that went without a word is not told of."""

COMPLETE, VERIFIED = "Complete", "Verified"
NO_STORE = "NoStore"
Making = Literal["backup", "verify"]


@dataclass(frozen=True)
class Step:
    """What is to be done in one look."""

    status: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the status that change, as JSON."""
    told: tuple[Told, ...] = ()
    """Conditions that are told."""
    start: tuple[Making, int] | None = None
    """The verb and the attempt whose Job is to run; what the status says of it has been told before."""
    begins: bool = False
    """Whether a Job is to be started once this is told: where that cannot be, it is not told."""
    discard: tuple[Making, int] | None = None
    """The Job that is given up."""
    again: float | None = None
    """Seconds until the next look, where nothing tells of what is awaited."""


@dataclass(frozen=True)
class Try:
    """The last attempt at something."""

    attempt: int
    job: JobState | None
    """None where its Job has to be started."""


def standing(store: Object | None, children: Children, backup: Backup) -> Refusal | None:
    """Why a store cannot be backed up; `undecided` where that may pass."""
    if store is None:
        return Refusal(NO_STORE, f"there is no VectorStore {backup.store} in namespace {backup.key.namespace}")
    spec, restore = store.get("spec") or {}, (store.get("status") or {}).get("restore") or {}
    if backup.store_uid not in (None, store["metadata"]["uid"]):
        return Refusal("OtherStore", f"VectorStore {backup.store} was made anew: make another backup of that")
    if "deletionTimestamp" in store["metadata"]:
        return Refusal("StoreGoes", f"VectorStore {backup.store} is being deleted")
    if (spec.get("engine") or {}).get("remote"):
        return Refusal("EngineElsewhere", "spec.engine.remote: the data is on that server; back it up there")
    if restore.get("phase") == "Restoring" or (restore.get("phase") == "Waiting" and not restore.get("request")):
        return _waits("Restoring", f"VectorStore {backup.store} is being restored; see its condition Restored")
    if not (store.get("status") or {}).get("plan"):
        return _waits("NotAccepted", f"VectorStore {backup.store} has no plan yet; see its condition Accepted")
    if spec.get("hibernated"):
        return _waits("Hibernated", f"VectorStore {backup.store} has spec.hibernated: true; it is made when it wakes")
    if not is_ready(children.get(("Pod", f"{backup.store}-0"), {})):
        return _waits("StoreNotReady", f"pod {backup.store}-0 does not answer; see condition Ready of the VectorStore")
    return None


def behind(backup: Backup, others: list[Backup]) -> Refusal | None:
    """The other backup of the store that is made first, if there is one: one at a time, in the order they came.

    Args:
        backup: this.
        others: all of the store, itself included.
    """
    for other in others:
        first = other.phase == "Running" or (other.phase in (None, "Pending") and other.age_order < backup.age_order)
        if other.uid != backup.uid and not (other.deleting or other.blank) and first:
            return _waits("Overlap", f"backup {other.key.name} of the store is made first")
    return None


def decide(backup: Backup, obstacle: Refusal | None, made: Try, proven: Try, verify: bool, now: datetime) -> Step:
    """The next step.

    Args:
        backup: as it is known.
        obstacle: why it cannot be begun now; `undecided` where that may pass.
        made, proven: the last attempts to make and to prove it.
        verify: whether it is to be proven.
        now: the moment.
    """
    if backup.deleting or backup.final or backup.blank or backup.phase == "Deleting":
        return Step()
    if backup.phase == "Running":
        return _tried(backup, "backup", made, now) or _made(backup, made, verify, now)
    if backup.phase == "Verifying":
        return _tried(backup, "verify", proven, now) or _proven(proven, now)
    if obstacle and obstacle.reason == NO_STORE and now < backup.created + COMES:
        return pending(obstacle, (backup.created + COMES - now).total_seconds())
    left = backup.created + PATIENCE - now
    if obstacle and obstacle.undecided and left > timedelta(0):
        return pending(obstacle, left.total_seconds())
    if obstacle:
        return failed(obstacle.reason, obstacle.message, now)
    begun = told(COMPLETE, None, "Running", "it is being made")
    status = {"phase": "Running", "startedAt": times.time(now), "attempts": 1}
    return Step(status, (begun, _unproven(verify)), begins=True)


def pending(why: Refusal, again: float | None = None) -> Step:
    """It waits."""
    return Step({"phase": "Pending"}, (told(COMPLETE, None, why.reason, why.message),), again=again)


def failed(reason: str, message: str, now: datetime, of: str = COMPLETE) -> Step:
    """It has failed."""
    return Step({"phase": "Failed", "completedAt": times.time(now)}, (told(of, False, reason, message),))


def _waits(reason: str, message: str) -> Refusal:
    return Refusal(reason, message, undecided=True)


def _tried(backup: Backup, verb: Making, last: Try, now: datetime) -> Step | None:
    """What is next unless the last attempt came through."""
    job, of = last.job, COMPLETE if verb == "backup" else VERIFIED
    if job is None:
        return Step(start=(verb, last.attempt))
    if job.ended is None and job.failed and now < job.started + STARTS:
        left = (job.started + STARTS - now).total_seconds()
        return Step(told=(told(of, None, job.reason, job.failed),), again=left)
    if job.ended is None and not job.failed:
        return Step(told=(told(of, None, "Running", "its Job runs"),), again=LOOK)
    if job.ended is not None and job.result is not None and job.result.ok:
        return None
    reason, message, passes = failure(job)
    discard = (verb, last.attempt) if job.ended is None else None
    if not passes or last.attempt >= MOST:
        step = failed(reason, f"{message}{_tries(last.attempt)}", now, of)
        return Step(step.status, step.told, discard=discard)
    again = told(of, None, reason, f"{message}; it is tried again")
    due = job.ended + AGAIN[last.attempt - 1] if job.ended else now
    if now < due:
        return Step(told=(again,), again=(due - now).total_seconds())
    if verb == "backup":
        return Step({"attempts": last.attempt + 1}, (again,), discard=discard)
    return Step(told=(again,), start=(verb, last.attempt + 1), discard=discard)


def _made(backup: Backup, last: Try, verify: bool, now: datetime) -> Step:
    """It is there."""
    result = last.job.result if last.job else None
    if result is None or result.backup is None:
        return failed("Failed", "its Job did not say what it made", now)
    there = told(COMPLETE, True, "Done", f"{result.backup.documents} documents, {result.backup.size} bytes")
    if verify:
        return Step({"phase": "Verifying", **_info(result, result.backup)}, (there, _unproven(True)))
    done = {"phase": "Completed", "completedAt": times.time(now), **_info(result, result.backup)}
    return Step(done, (there, _unproven(False)))


def _proven(last: Try, now: datetime) -> Step:
    verified = last.job.result.verified if last.job and last.job.result else None
    if verified is None:
        return failed("Failed", "its Job did not say what it compared", now, VERIFIED)
    proof = {
        "at": times.time(verified.at),
        "documents": verified.documents,
        "questions": verified.questions,
        "recall": verified.recall,
    }
    held = f"restored in a scratch folder: {verified.documents} documents compared, {verified.questions} questions"
    done = {"phase": "Completed", "completedAt": times.time(now), "verified": proof}
    return Step(done, (told(VERIFIED, True, "Done", held),))


def _unproven(verify: bool) -> Told:
    if verify:
        return told(VERIFIED, None, "NotYet", "it is proven once it is there")
    return told(VERIFIED, None, "NotAsked", "verify: false")


def failure(job: JobState) -> tuple[str, str, bool]:
    """Reason and message, and whether another attempt may come through."""
    if job.result is not None:
        return job.result.reason, job.result.message, job.result.transient
    return job.reason or "Interrupted", job.failed or "its Job did not say what came of it", job.reason != "TooSlow"


def _tries(attempt: int) -> str:
    return f"; it was tried {attempt} times" if attempt > 1 else ""


def _info(result: Result, info: Info) -> dict[str, Any]:
    return {
        "object": info.object[:1024],
        "takenAt": times.time(info.taken),
        "seconds": result.seconds,
        "size": info.size,
        "bytes": info.bytes,
        "documents": info.documents,
        "collections": info.collections,
        "sequence": info.sequence,
        "pauseSeconds": info.pause_seconds,
        "encrypted": info.encrypted,
        "model": info.model[:253],
        "release": info.release[:253],
    }
