"""What a store is to be restored from now, and the next step of that. Pure.

What was carried out, and what is being, is in the store's status and nowhere else: a Job is started only for what
stands there already. And each restore has a `run` that the instance keeps with the data: what is in place by it is
not put in place once more, whoever starts the Job again. So an operator that is killed anywhere neither restores
twice nor forgets.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError

from vectorstore_operator import times
from vectorstore_operator.api.restore import Restore, RestoreFrom, RestoreStatus
from vectorstore_operator.backups.jobs.state import JobState
from vectorstore_operator.backups.restores.former import asked_before, former
from vectorstore_operator.backups.tenants.wishes import ID, Wish
from vectorstore_operator.conditions import Told, told
from vectorstore_operator.objects import Object

MOST = 3
"""Jobs that are started for one restore."""
WAIT, BUSY = 15.0, 5.0
"""Seconds until it is looked again whether what is waited for is there, and how an instance gets on."""
UNDER_WAY = ("receiving", "proving", "starting")
"""Phases of an instance that takes an archive."""

_Source = TypeVar("_Source", bound=RestoreFrom)


@dataclass(frozen=True)
class Ask:
    """What is to be restored."""

    source: RestoreFrom
    request: str | None = None
    """None for what a new store begins with."""

    @property
    def in_place(self) -> bool:
        """Whether it takes the place of what the store holds."""
        return self.request is not None

    @property
    def field(self) -> str:
        """Where it is asked for."""
        if self.request and ID.fullmatch(self.request):
            return "POST /restore"
        return "spec.restore" if self.in_place else "spec.restoreFrom"

    def told(self, namespace: str) -> str:
        """What it is restored from, for people.

        Args:
            namespace: the store's.
        """
        if backup := self.source.backup:
            return f"{backup.namespace or namespace}/{backup.name}"
        raw = self.source.object
        return f"s3://{raw.destination.s3.bucket}/{raw.path}" if raw else ""


@dataclass(frozen=True)
class Hindrance:
    """Why a restore does not begin."""

    reason: str
    message: str
    final: bool = False
    """Whether nothing is waited for: it has failed."""


@dataclass(frozen=True)
class Port:
    """What a store's leader says of restores."""

    phase: str
    """`none`, `waiting`, `receiving`, `proving`, `starting` or `done`; `unknown` of a release that knows of none."""
    run: str = ""
    """By which restore the data came that it serves."""
    documents: int | None = None
    """Documents that were compared then."""

    def has(self, run: str) -> bool:
        """Whether it serves what a restore brought."""
        return self.phase == "done" and self.run == run


@dataclass(frozen=True)
class Next:
    """What is to be done in one look."""

    status: RestoreStatus
    """What is told."""
    start: bool = False
    """Have the Job run that the status speaks of."""
    again: float | None = None
    """Seconds until the next look, where nothing tells of what is awaited."""


def recorded(store: Object) -> RestoreStatus:
    """What was carried out, or is being, as the store's status has it.

    Of a store that nobody has looked at a request has been passed over: its manifest came from elsewhere, and what
    was once asked of another store is not asked of this one.
    """
    status, spec = store.get("status") or {}, store.get("spec") or {}
    if "restore" in status:
        known = {field.alias or name: name for name, field in RestoreStatus.model_fields.items()}
        try:
            return RestoreStatus.model_validate({k: v for k, v in status["restore"].items() if k in known})
        except ValidationError:  # whatever it is, nothing is carried out by it
            asked = (spec.get("restore") or {}).get("request")
            return RestoreStatus(
                phase="Failed", request=asked, reason="Unreadable", message="status.restore: unreadable"
            )
    if "observedGeneration" not in status and spec.get("restore"):
        return RestoreStatus(skipped=spec["restore"].get("request"))
    return RestoreStatus()


def asked(store: Object, status: RestoreStatus, wish: Wish | None = None) -> Ask | None:
    """What is to be restored; None where nothing is. A manifest goes before a tenant's wish that was not begun.

    Args:
        store: the VectorStore.
        status: what is `recorded` of it.
        wish: what a holder of a key asks for.
    """
    going = _going(status)
    if going and status.phase == "Restoring":
        return going
    return _stated(store, status) or going or _wished(status, wish)


def _stated(store: Object, status: RestoreStatus) -> Ask | None:
    """What the manifest asks for."""
    spec = store.get("spec") or {}
    restore = _read(Restore, spec.get("restore"))
    if restore is not None and not asked_before(status, restore.request):
        if restore.request != status.request or status.phase in ("Waiting", "Restoring"):
            return Ask(restore, restore.request)
        return None
    begins = _read(RestoreFrom, spec.get("restoreFrom"))
    if begins is None or status.request is not None or status.phase in ("Restored", "Failed"):
        return None
    return Ask(begins)


def _going(status: RestoreStatus) -> Ask | None:
    """A wish that is being carried out: all of it is in the status."""
    if status.phase not in ("Waiting", "Restoring") or not ID.fullmatch(status.request or ""):
        return None
    return _of_backup((status.source or "").rpartition("/")[2], status.request)


def _wished(status: RestoreStatus, wish: Wish | None) -> Ask | None:
    if wish is None or wish.id == status.request or status.phase in ("Waiting", "Restoring"):
        return None
    return _of_backup(wish.backup, wish.id)


def _of_backup(name: str, request: str | None) -> Ask | None:
    source = _read(RestoreFrom, {"backup": {"name": name}})
    return Ask(source, request) if source else None


def run(store: Object, request: str | None) -> str:
    """What tells one restore from all others."""
    return hashlib.sha256(f"{store['metadata']['uid']}/{request or ''}".encode()).hexdigest()[:32]


def taken_back(status: RestoreStatus) -> RestoreStatus:
    """What was asked for and is not any more, before anything came of it."""
    over = RestoreStatus(request=status.request, skipped=status.skipped, former=status.former)
    if status.request is None:
        return over
    return _with(
        over, reason="TakenBack", message=f"request {status.request!r} was taken back before anything was restored"
    )


def hindered(status: RestoreStatus, ask: Ask, source: str, why: Hindrance, now: datetime) -> Next:
    """It waits, or has failed before any Job ran."""
    same = status.request == ask.request
    found = _with(
        _of(status, ask, source),
        phase="Failed" if why.final else "Waiting",
        attempts=status.attempts if same else None,
        finished_at=times.time(now) if why.final else None,
        reason=why.reason,
        message=_short(f"{why.message}; {_remedy(ask.request)}" if why.final else why.message),
    )
    return Next(found, again=None if why.final else WAIT)


def begun(status: RestoreStatus, ask: Ask, source: str, now: datetime) -> Next:
    """Everything is there: it is told, and when that stands in the status the Job is started."""
    tried = (status.attempts or 0) if status.request == ask.request else 0
    found = _of(status, ask, source)
    return Next(_with(found, phase="Restoring", started_at=times.time(now), attempts=tried + 1))


def followed(
    status: RestoreStatus, job: JobState | None, port: Port | None, *, run: str, asked: bool, now: datetime
) -> Next:
    """How a restore that was begun gets on.

    Args:
        status: what is recorded.
        job: how its Job fares; None where that has to be started.
        port: what the leader says, asked where the Job has not come to its end well; None where it does not answer.
        run: which restore it is.
        asked: whether the spec still asks for it.
        now: the time.
    """
    if job is not None and job.result is not None and job.result.ok:
        return Next(_done(status, job.result.verified.documents if job.result.verified else None, now))
    if job is not None and not failing(job):
        return Next(_with(status, reason=job.reason or None, message=job.failed), again=2 * WAIT)
    if port is None:
        why = _failure(job)[0] if job else "StoreNotUp"
        return Next(_with(status, reason=why, message="the store's pod 0 does not answer; see Ready"), again=BUSY)
    if port.has(run):
        return Next(_done(status, port.documents, now))
    if port.phase in UNDER_WAY:
        return Next(_with(status, reason=None, message=f"the instance is {port.phase} its archive"), again=BUSY)
    if job is None:
        return Next(_with(status, reason=None, message=None), start=True) if asked else Next(taken_back(status))
    return _failed(status, job, asked, now)


def failing(job: JobState) -> bool:
    """Whether a Job has come to its end, and not well."""
    return not job.result.ok if job.result is not None else job.ended is not None


def refused(status: RestoreStatus, why: str) -> Next:
    """The API server will not have the Job."""
    return Next(_with(status, reason="JobRefused", message=_short(why)), again=WAIT)


def restored(status: RestoreStatus, ask: Ask, source: str, port: Port, now: datetime) -> Next:
    """It turns out that it was carried out."""
    return Next(_done(_of(status, ask, source), port.documents, now))


def _of(status: RestoreStatus, ask: Ask, source: str) -> RestoreStatus:
    """Where an ask begins: what was asked before it stays known."""
    return RestoreStatus(request=ask.request, skipped=status.skipped, former=former(status, ask.request), source=source)


def _failed(status: RestoreStatus, job: JobState, asked: bool, now: datetime) -> Next:
    reason, why, transient = _failure(job)
    tried = status.attempts or 1
    if not (transient and asked and tried < MOST):
        message = _short(f"{why}; {_remedy(status.request)}")
        return Next(_with(status, phase="Failed", reason=reason, message=message, finished_at=times.time(now)))
    due = (job.ended or job.started) + timedelta(seconds=WAIT * 4 ** (tried - 1))
    if now >= due:
        return Next(_with(status, attempts=tried + 1, reason=None, message=None))
    message = _short(f"try {tried} of {MOST} failed: {why}")
    return Next(_with(status, reason=reason, message=message), again=max(1.0, (due - now).total_seconds()))


def _failure(job: JobState) -> tuple[str, str, bool]:
    """Reason and words of a Job that failed, and whether another may come through."""
    if job.result is not None:
        return job.result.reason, job.result.message, job.result.transient
    return job.reason or "Interrupted", job.failed or "its Job ended and did not say what came of it", True


def _done(status: RestoreStatus, documents: int | None, now: datetime) -> RestoreStatus:
    finished = times.time(now)
    return _with(status, phase="Restored", documents=documents, finished_at=finished, reason=None, message=None)


def _remedy(request: str | None) -> str:
    if request is not None:
        return "the store holds what it held; mend this and ask with another request"
    return "the store holds nothing of it; mend this and ask with spec.restore, or make the store anew"


def conditions(status: RestoreStatus, hint: str = "") -> tuple[Told | None, Told | None]:
    """The condition Restored, and what Ready says while not all pods answer; None where there is nothing to say.

    Args:
        status: what is recorded.
        hint: what else is to be said.
    """
    about = f"{status.source}: {status.message}" if status.message else str(status.source)
    more = f"; {hint}" if hint else ""
    match status.phase:
        case "Restored":
            compared = f"{status.source}: {status.documents or 0} documents are as they were{more}"
            return told("Restored", True, "Restored", compared), None
        case "Failed":
            restored = told("Restored", False, status.reason or "Failed", about + more)
        case "Waiting" | "Restoring":
            restored = told("Restored", False, status.reason or "Restoring", about + more)
        case None:
            return told("Restored", False, "AskedBefore", hint) if hint else None, None
    awaited = status.request is None or status.phase == "Restoring"
    return restored, told("Ready", False, "Restoring", f"{about}; see Restored") if awaited else None


def empty(store: str) -> Told:
    """What Ready says of a store whose volume is empty once more."""
    what = f"pod {store}-0 holds nothing, and waits for an archive: ask for one with spec.restore"
    return told("Ready", False, "Restoring", what)


def timeless(status: RestoreStatus) -> RestoreStatus:
    """A status without its times, which are others in every look until it is written."""
    return _with(status, started_at=None, finished_at=None)


def _read(model: type[_Source], stated: object) -> _Source | None:
    try:
        return model.model_validate(stated) if stated else None
    except ValidationError:
        return None  # Accepted tells


def _with(status: RestoreStatus, **changes: object) -> RestoreStatus:
    return status.model_copy(update=changes)


def _short(text: str) -> str:
    return text[:2048]
