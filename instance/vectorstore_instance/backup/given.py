"""What a job is given: the folder that `job` describes, read once, at the start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.job import Job


@dataclass(frozen=True)
class Given:
    """A job and where its secrets are."""

    job: Job
    folder: Path

    def secret(self, name: str) -> str | None:
        """What a file holds, without what surrounds it; None where there is none.

        Raises:
            Failure: `Invalid`: it cannot be read.
        """
        try:
            return (self.folder / name).read_text().strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as problem:
            raise Failure("Invalid", f"{name}: {type(problem).__name__}; it is to be a text that can be read") from None

    def required(self, name: str, why: str) -> str:
        """Likewise, of what must be there.

        Raises:
            Failure: `Invalid`.
        """
        found = self.secret(name)
        if found is None:
            raise Failure("Invalid", f"{name}: missing or empty, and {why}; put it beside job.json")
        return found


def read(folder: Path) -> Given:
    """The job of a folder.

    Raises:
        Failure: `Invalid`: names the field that is wrong.
    """
    try:
        return Given(Job.model_validate_json((folder / "job.json").read_bytes()), folder)
    except OSError as problem:
        raise Failure("Invalid", f"{folder / 'job.json'}: {problem.strerror}; BACKUP_DIR names its folder") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise Failure("Invalid", f"job.json: {where}{first['msg']}, not {repr(first['input'])[:100]}") from None
