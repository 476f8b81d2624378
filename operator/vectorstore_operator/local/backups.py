"""Backups of the stores of this machine, by the program that makes them in a cluster: a job, a process, a result.

Where they are is a folder or `s3://BUCKET/PREFIX`; what S3 wants is taken from the environment, under the names
that Amazon's own tools know: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vectorstore_instance.backup.job import S3, Destination, Folder, Job, Store
from vectorstore_instance.backup.result import Info, Result
from vectorstore_operator.local import Problem
from vectorstore_operator.local.wanted import Record

Watch = Callable[[int, int], None]
"""Told bytes that are done, and how many there are to be, 0 where nobody knows."""

_KEYS = {
    "access-key-id": "AWS_ACCESS_KEY_ID",
    "secret-access-key": "AWS_SECRET_ACCESS_KEY",
    "session-token": "AWS_SESSION_TOKEN",
}
_ROLES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Place:
    """Where backups are."""

    destination: Destination
    secrets: Mapping[str, str] = field(default_factory=dict)
    """What is put beside job.json, by its name there."""


def store_of(record: Record) -> Store:
    """What a store of this machine is called in the path of its backups: HOST/NAMESPACE/NAME."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname()).lstrip("-.")[:63] or "localhost"
    return Store(cluster=host, namespace=record.namespace, uid=record.name, name=record.name)


def place(where: str, key_file: Path | None, environ: Mapping[str, str]) -> Place:
    """A place by its name.

    Args:
        where: a folder, or `s3://BUCKET[/PREFIX]`.
        key_file: with age identities; None: nothing is encrypted, nor can what is be read.
        environ: where the keys to S3 are.

    Raises:
        Problem: it cannot be one; says what to do.
    """
    secrets = {"encryption-key": _text(key_file)} if key_file else {}
    if not where.startswith("s3://"):
        if "://" in where:
            raise Problem(f"{where}: a folder or s3://BUCKET/PREFIX is wanted; for another server of S3 set "
                          "AWS_ENDPOINT_URL besides")  # fmt: skip
        return Place(Destination(folder=Folder(path=Path(where).expanduser().absolute())), secrets)
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    given = {name: environ[variable] for name, variable in _KEYS.items() if environ.get(variable)}
    if "access-key-id" not in given and not any(map(environ.get, _ROLES)):
        raise Problem(
            f"{where}: AWS_ACCESS_KEY_ID is not set; set it and AWS_SECRET_ACCESS_KEY, as with "
            'eval "$(aws configure export-credentials --format env)"'
        )
    if bundle := environ.get("AWS_CA_BUNDLE"):
        given["ca.crt"] = _text(Path(bundle))
    try:
        s3 = S3(
            bucket=bucket,
            prefix=prefix.rstrip("/"),
            endpoint=environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or None,
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        )
    except ValidationError as problem:
        raise _wrong(where, problem) from None
    return Place(Destination(s3=s3), secrets | given)


def run(at: Place, watch: Watch, *, token: str | None = None, **fields: Any) -> tuple[Result, list[Info]]:
    """Does a job.

    Args:
        at: where the backups are.
        watch: told how it gets on.
        token: the admin key, where an instance is asked.
        fields: of the `Job`.

    Returns:
        What came of it, and the backups that it listed.

    Raises:
        Problem: it could not be done, with the reason.
    """
    if missing := [name for name in ("obstore", "pyrage") if find_spec(name) is None]:
        raise Problem(
            f"this needs the Python package {missing[0]}: pip install 'vectorstore-operator[cli,instance,backup]'; "
            "in a checkout, beside the other requirement files: requirements/backup.txt"
        )
    try:
        job = Job(destination=at.destination, patience_seconds=_PATIENCE_SECONDS, **fields)
    except ValidationError as problem:
        raise _wrong(str(fields["verb"]), problem) from None
    with tempfile.TemporaryDirectory(prefix="vectorstore-") as made:  # mode 0700
        folder = Path(made)
        (folder / "job.json").write_text(job.model_dump_json(by_alias=True, exclude_none=True))
        for name, content in {**at.secrets, **({"token": token} if token else {})}.items():
            (folder / name).write_text(content)
        *listed, last = _lines(folder, watch)
    result = Result.model_validate_json(last)
    if not result.ok:
        raise Problem(f"{result.message} ({result.reason})")
    return result, [Info.model_validate_json(line) for line in listed]


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except UnicodeDecodeError:
        raise Problem(f"{file}: it is no text; name the file with the keys or certificates") from None


def _wrong(what: str, problem: ValidationError) -> Problem:
    first = problem.errors()[0]
    return Problem(f"{what}: {first['loc'][0]}: {first['input']!r}: {first['msg']}")


def _lines(folder: Path, watch: Watch) -> list[str]:
    environ = os.environ | {"BACKUP_DIR": str(folder)}
    command = [sys.executable, "-P", "-m", "vectorstore_instance.backup"]
    said: list[str] = []
    with (
        (folder / "out").open("w+") as out,  # as many lines as there are backups, and nobody reads them meanwhile
        subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None  # noqa: S101 - it was asked for
        try:
            for line in process.stderr:
                if line.startswith('{"verb"'):
                    told = json.loads(line)
                    watch(told["bytes"], told["of"])
                else:
                    said.append(line)
        except KeyboardInterrupt:
            process.terminate()  # it gives up in order, and so is waited for
            raise
        process.wait()
        lines = (folder / "out").read_text().splitlines()
    if not lines:
        raise Problem(f"the backup program ended with {process.returncode}: {''.join(said[-8:]).strip()}")
    return lines
