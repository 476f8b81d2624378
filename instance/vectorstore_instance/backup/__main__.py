"""`python -m vectorstore_instance.backup`: one job, whose folder BACKUP_DIR names.

Standard output has the result as its last line; so has TERMINATION_LOG (default /dev/termination-log), where there
is such a file, in 4 KiB at most. Standard error tells how it goes, a JSON object a line. Exit code 0: done; 1: not.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from vectorstore_instance.backup import given
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.result import MESSAGE, TRANSIENT, Reason, Result

_TELL_SECONDS = 1.0
_TERMINATION_BYTES = 4096
"""https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/"""


def main() -> None:
    """The command."""
    os.umask(0o077)  # what is in a folder is for whoever made it
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(message)s")
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _interrupt)
    result = outcome(Path(os.environ.get("BACKUP_DIR", "/etc/backup")))
    _tell(result)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if result.ok else 1)  # threads that read what nobody wants any more are not waited for


def outcome(folder: Path) -> Result:
    """Does the job of a folder; says what came of it."""
    began, verb = time.monotonic(), ""
    reason: Reason = "Done"
    message, done = "done", dict[str, Any]()
    try:
        job = given.read(folder)
        verb = job.job.verb
        done = _work(job)
    except Failure as failure:
        reason, message = failure.reason, failure.message
    except Exception as problem:
        logging.getLogger(__name__).exception("this was not foreseen")
        reason, message = "Failed", f"this was not foreseen: {type(problem).__name__}; the job's log has more"
    return Result(
        verb=verb,
        ok=reason == "Done",
        reason=reason,
        message=message[:MESSAGE],
        seconds=round(time.monotonic() - began, 2),
        transient=reason in TRANSIENT,
        **done,
    )


def _work(job: given.Given) -> dict[str, Any]:
    # What a verb needs is loaded with it: a mistake in job.json is told at once, and deleting needs no engine.
    from vectorstore_instance.backup import bring, check, keep, take
    from vectorstore_instance.backup.storage import Storage

    storage, watch = Storage(job), _Watch(job.job.verb)
    match job.job.verb:
        case "backup":
            return {"backup": take.backup(job, storage, watch)}
        case "verify":
            info, verified = check.verify(job, storage, watch)
            return {"backup": info, "verified": verified}
        case "restore":
            info, verified = bring.restore(job, storage, watch)
            return {"backup": info, "verified": verified}
        case "delete":
            return {"deleted": keep.delete(job, storage)}
        case "list":
            return {"found": keep.show(job, storage, sys.stdout)}


class _Watch:
    """Tells how it goes, once a second at most."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._next = 0.0

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _TELL_SECONDS
            print(json.dumps({"verb": self._verb, "bytes": done, "of": of}), file=sys.stderr, flush=True)


def _tell(result: Result) -> None:
    print(result.model_dump_json(by_alias=True, exclude_none=True))
    log = Path(os.environ.get("TERMINATION_LOG", "/dev/termination-log"))
    if log.exists():
        log.write_bytes(short(result))


def short(result: Result) -> bytes:
    """A result as JSON in as many bytes as a termination message has, at the cost of its message."""
    told = result.model_dump_json(by_alias=True, exclude_none=True).encode()
    while len(told) > _TERMINATION_BYTES and result.message:
        result = result.model_copy(update={"message": result.message[: len(result.message) // 2]})
        told = result.model_dump_json(by_alias=True, exclude_none=True).encode()
    return told


def _interrupt(number: int, _: object) -> NoReturn:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)  # once is enough; what is under way is given up in order
    raise Failure("Interrupted", f"told to end by {signal.Signals(number).name}; start the job again")


if __name__ == "__main__":
    main()
