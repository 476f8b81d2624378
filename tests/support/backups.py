"""Backup jobs as they are run: a folder with job.json and secrets, a process, a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.buckets import ACCESS_KEY, SECRET_KEY, Bucket
from tests.support.instances import Running

from vectorstore_instance.backup.__main__ import outcome
from vectorstore_instance.backup.job import S3, Destination, Folder, Job, Store
from vectorstore_instance.backup.result import Info, Result

STORE = Store(cluster="here", namespace="tenants", uid="0b1c", name="acme")
AT = STORE.path


@dataclass
class Jobs:
    """What jobs of one destination have in common."""

    folder: Path
    """Of theirs, each in one of its own."""
    destination: Destination
    secrets: dict[str, str] = field(default_factory=dict)

    def begin(self, verb: str, *names: str, running: Running | None = None, **fields: Any) -> Started:
        """Starts a job as a process of its own, as whoever wants one does."""
        folder = self.write(verb, *names, running=running, **fields)
        (folder / "termination").touch()
        environ = {"BACKUP_DIR": str(folder), "TERMINATION_LOG": str(folder / "termination")}
        process = subprocess.Popen(
            [sys.executable, "-m", "vectorstore_instance.backup"],
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Started(folder, process, [*self.secrets.values()])

    def run(self, verb: str, *names: str, running: Running | None = None, **fields: Any) -> Result:
        """Runs a job to its end, in this process: a third of a job's time is its start."""
        result = outcome(self.write(verb, *names, running=running, **fields))
        told = result.model_dump_json()
        assert not [secret for secret in self.secrets.values() if secret in told]
        return result

    def write(self, verb: str, *names: str, running: Running | None = None, **fields: Any) -> Path:
        """The folder of a job."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        job = Job(
            **{"store": STORE, "patience_seconds": 10}  # type: ignore[arg-type]
            | {"verb": verb, "names": names, "destination": self.destination}
            | ({"url": running.management_url} if running else {})
            | fields
        )
        (folder / "job.json").write_text(job.model_dump_json(by_alias=True, exclude_none=True))
        for name, value in (self.secrets | ({"token": running.key("admin")} if running else {})).items():
            (folder / name).write_text(value)
        return folder


@dataclass
class Started:
    """A job under way."""

    folder: Path
    process: subprocess.Popen[str]
    secrets: list[str]
    lines: list[str] = field(default_factory=list)
    """Of standard output, once it has ended."""
    said: str = ""
    """Standard error, likewise."""

    def result(self) -> Result:
        """Its result: the same in both places, in the right size, and without a secret anywhere."""
        out, self.said = self.process.communicate(timeout=120)
        self.lines = out.splitlines()
        told = (self.folder / "termination").read_bytes()
        assert self.lines, self.said
        assert json.loads(told) == json.loads(self.lines[-1])
        assert len(told) <= 4096
        assert not [secret for secret in self.secrets if secret in out or secret in self.said]
        result = Result.model_validate_json(told)
        assert (result.ok, result.reason == "Done") == (self.process.returncode == 0, result.ok), self.said
        return result

    def infos(self) -> list[Info]:
        """What `list` told."""
        return [Info.model_validate_json(line) for line in self.lines[:-1]]


def of_bucket(folder: Path, server: Bucket, **fields: Any) -> Jobs:
    """Jobs whose destination is a bucket."""
    s3 = S3(**{"bucket": server.name, "prefix": "all", "endpoint": server.url} | fields)
    return Jobs(folder, Destination(s3=s3), {"access-key-id": ACCESS_KEY, "secret-access-key": SECRET_KEY})


def of_folder(folder: Path, path: Path) -> Jobs:
    """Jobs whose destination is a folder."""
    return Jobs(folder, Destination(folder=Folder(path=path)))
