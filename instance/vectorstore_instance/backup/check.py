"""`verify`: a drill of one backup: fetched, decrypted, unpacked, opened with the real engine, every row compared."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from vectorstore_instance.archive import Archive, ArchiveError, NewerFormat
from vectorstore_instance.backup import catalogue, opened
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.given import Given
from vectorstore_instance.backup.opened import Watch
from vectorstore_instance.backup.result import Info, Verified
from vectorstore_instance.backup.storage import Storage
from vectorstore_instance.drill import NotHeld, compared
from vectorstore_instance.engine.disk import is_full
from vectorstore_instance.engine.restore.trial import Differs


def verify(given: Given, storage: Storage, watch: Watch) -> tuple[Info | None, Verified]:
    """Holds a drill, and keeps that it held beside the backup.

    Raises:
        Failure: it did not, or could not be held.
    """
    path, info = opened.sought(given, storage)
    began = time.monotonic()
    try:
        archive = Archive(opened.stream(given, storage, path, info, watch))
        catalogue.check_place(archive.manifest, given.job)
        verdict = compared(archive, given.job.scratch)
    except NewerFormat as problem:
        raise Failure("NewerFormat", f"{path}: {problem}") from None
    except ArchiveError as problem:
        raise Failure("Corrupt", f"{path}: {problem}") from None
    except Differs as problem:
        raise Failure("Differs", f"{path}: {problem}") from None
    except NotHeld as problem:
        raise Failure("DiskFull", f"the drill cannot be held: {problem}") from None
    except OSError as problem:
        raise _disk(problem, given.job.scratch) from None
    if verdict.differences:
        raise Failure("Differs", f"{path}: {'; '.join(verdict.differences)}")
    verified = Verified(
        at=datetime.now(UTC),
        seconds=round(time.monotonic() - began, 2),
        collections=verdict.collections,
        documents=verdict.documents,
        questions=verdict.questions,
        recall=verdict.recall,
        mended=len(verdict.mended),
    )
    if info is not None and given.job.store is not None:
        info = info.model_copy(update={"verified": verified})
        catalogue.write(storage, given.job.store, info, replace=True)
    return info, verified


def _disk(problem: OSError, scratch: Path | None) -> Failure:
    where = scratch or "the folder for temporary files"
    if is_full(problem):
        return Failure("DiskFull", f"{where}: it became full; give the job a larger one")
    return Failure("Failed", f"{where}: {problem}")
