"""Where stores live on this machine, and the files of one: record, limits, keys.

    HOME/stores/NAME/   store.json  limits/limits.json  keys/{read-write,read-only,admin}  data/  instance.log
    HOME/models/        converted models, shared by all stores
    HOME/secrets/NAME/  what Secrets hold in a cluster, put there by the user: a file for each entry
    HOME/locks/NAME     held by the one command that changes the store

Files change by a rename, so that a reader (the instance, another command) sees the old or the new.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from vectorstore_instance.settings import Limits
from vectorstore_operator.api.store import NAME_RULE, name_allowed
from vectorstore_operator.keys.secretdata import fresh_key
from vectorstore_operator.local import Problem
from vectorstore_operator.local.wanted import Record

KEYS = ("read-write", "read-only", "admin")
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Folder:
    """A store's folder."""

    path: Path

    @property
    def log(self) -> Path:
        """What the instance and its supervisor say."""
        return self.path / "instance.log"

    def key_file(self, key: str) -> Path:
        """The file of a key: `read-write`, `read-only` or `admin`."""
        return self.path / "keys" / key

    def make(self) -> None:
        """The folder, for this user alone."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in ("data", "limits", "keys"):
            (self.path / part).mkdir(mode=0o700, exist_ok=True)

    def make_keys(self) -> None:
        """Random keys where there are none; those that are there stay."""
        for name in KEYS:
            if not self.key_file(name).exists():
                _replace(self.key_file(name), fresh_key() + "\n")

    def key(self, name: str) -> str | None:
        """The first line of a key file; None where somebody removed it."""
        try:
            return self.key_file(name).read_text().partition("\n")[0]
        except OSError:
            return None

    def keys(self, name: str) -> list[str]:
        """All lines of a key file."""
        try:
            return [line.strip() for line in self.key_file(name).read_text().splitlines() if line.strip()]
        except OSError:
            return []

    def write_keys(self, name: str, keys: list[str]) -> None:
        """Replaces a key file; a running instance reads it within a second."""
        _replace(self.key_file(name), "".join(f"{key}\n" for key in keys))

    def read_record(self) -> Record | None:
        """The store as `up` last brought it about; None where there is none.

        Raises:
            Problem: the record cannot be read.
        """
        try:
            return _read(self.path / "store.json", Record)
        except ValidationError as problem:
            first = problem.errors()[0]
            where = ": ".join([str(self.path / "store.json"), *map(str, first["loc"])])
            raise Problem(
                f"{where}: {first['msg']}; the file was edited or is of another release: "
                "restore it, or move it away and run `vectorstore up` again"
            ) from None

    def write_record(self, record: Record) -> None:
        """Records the store."""
        _replace(self.path / "store.json", record.model_dump_json(indent=1))

    def read_limits(self) -> Limits | None:
        """The limits the instance reads; None where they are missing or spoiled."""
        try:
            return _read(self.path / "limits" / "limits.json", Limits)
        except ValidationError:
            return None

    def write_limits(self, limits: Limits) -> None:
        """Tells the instance its limits; a running one reads them within a second."""
        _replace(self.path / "limits" / "limits.json", limits.model_dump_json(indent=1))

    def remove(self) -> None:
        """Removes the store and all its data."""
        shutil.rmtree(self.path)


@dataclass(frozen=True)
class Home:
    """The folder of all stores."""

    path: Path

    @property
    def models(self) -> Path:
        """Converted models, a folder each."""
        return self.path / "models"

    def folder(self, name: str) -> Folder:
        """A store's folder, whether it is there or not.

        Raises:
            Problem: no store can have that name.
        """
        if not name_allowed(name):
            raise Problem(f"{name!r} is no store's name: {NAME_RULE.message}")
        return Folder(self.path / "stores" / name)

    def names(self) -> list[str]:
        """The stores there are."""
        return sorted(record.parent.name for record in (self.path / "stores").glob("*/store.json"))

    @property
    def secrets(self) -> Path:
        """What Secrets are in a cluster: a folder of a Secret's name, in it a file for each entry."""
        return self.path / "secrets"

    @contextmanager
    def lock(self, name: str, say: Callable[[str], None]) -> Iterator[None]:
        """Only one command at a time changes a store. The file stays: a lock on a removed one locks nobody out."""
        locks = self.path / "locks"
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (locks / self.folder(name).path.name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another command that works on {name} ...")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def default_home() -> Home:
    """VECTORSTORE_HOME, else where the XDG base directories put a user's data."""
    chosen = os.environ.get("VECTORSTORE_HOME")
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Home((Path(chosen) if chosen else Path(data) / "vectorstore").expanduser().absolute())


def _read(path: Path, shape: type[_M]) -> _M | None:
    try:
        return shape.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.part")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    scratch.rename(path)
