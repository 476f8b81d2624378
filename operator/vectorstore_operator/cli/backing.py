"""What the verbs of one machine that back up and restore do, and how they tell of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from vectorstore_instance.backup.job import Store
from vectorstore_instance.backup.result import Info, Verified
from vectorstore_operator.cli import show
from vectorstore_operator.cli.show import say
from vectorstore_operator.local import Problem, backups, look, process
from vectorstore_operator.local.backups import Place
from vectorstore_operator.local.folder import Folder, Home
from vectorstore_operator.local.wanted import Record

key_option = click.option(
    "--encryption-key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with age keys, as age-keygen makes them: the first encrypts, each decrypts.",
)


def place_option(option: str) -> Callable[..., Any]:
    """The option that says where backups are."""
    return click.option(
        option, "where", metavar="DIR|s3://BUCKET/PREFIX", required=True, help="The place where backups are kept."
    )


def to(where: str, key_file: Path | None) -> Place:
    """A place to put backups; a folder is made where there is none.

    Raises:
        Problem: it cannot be one.
    """
    if "://" not in where:
        Path(where).expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)
    return backups.place(where, key_file, os.environ)


def make(home: Home, name: str, at: Place, called: str, verify: bool) -> Info:
    """Backs a store up that runs, and tells how it gets on.

    Raises:
        Problem: it does not run, or its backup was not made, or not proven.
    """
    folder, record = running(home, name)
    asked: dict[str, Any] = {"store": backups.store_of(record), "names": (called,)}
    instance: dict[str, Any] = {"token": token_of(folder), "url": record.management_url}
    encrypt = "encryption-key" in at.secrets
    watch = Progress(f"backing {name} up")
    made = backups.run(at, watch, verb="backup", encrypt=encrypt, **instance, **asked)[0].backup
    if verify:
        return prove(record, at, called)
    return _said(made)


def prove(record: Record, at: Place, called: str) -> Info:
    """Proves a backup of a store by restoring it in a scratch folder, and tells how it gets on.

    Raises:
        Problem: it was not proven.
    """
    asked: dict[str, Any] = {"store": backups.store_of(record), "names": (called,)}
    return _said(backups.run(at, Progress("verifying it"), verb="verify", **asked)[0].backup)


def _said(made: Info | None) -> Info:
    if made is None:
        raise Problem("the backup program did not say what it made")
    return made


def told(made: Info) -> str:
    """What a backup holds."""
    size, waited = show.amount(made.size), round(made.pause_seconds * 1000)
    return f"{made.documents} documents, {size}; writes waited {waited} ms{_proven(made.verified)}"


def put(home: Home, name: str, at: Place, chosen: Info, run: str) -> None:
    """Puts what a backup holds in place of what a store holds that runs and is locked; tells how it gets on.

    Args:
        home: of the store.
        name: its name.
        at: where the backup is.
        chosen: which.
        run: which restore this is: it is carried out once.

    Raises:
        Problem: it was not; the store holds what it held.
    """
    folder, record = running(home, name)
    began = time.monotonic()
    verified = backups.run(
        at,
        Progress(f"restoring {chosen.name}"),
        token=token_of(folder),
        verb="restore",
        url=record.management_url,
        replace=True,
        run=run,
        store=Store(cluster=chosen.cluster, namespace=chosen.namespace, uid=chosen.uid, name=chosen.store),
        names=(chosen.name,),
    )[0].verified
    process.await_ready(folder.path, record.management_url, 120, fresh=False)
    say(f"{name} holds {theirs(chosen)}{_proven(verified)}, after {time.monotonic() - began:.0f} s")


def theirs(chosen: Info) -> str:
    """A backup in words."""
    return f"what {chosen.cluster}/{chosen.namespace}/{chosen.store} held at {chosen.taken:%F %T}Z"


def listed(at: Place) -> list[Info]:
    """The backups at a place.

    Raises:
        Problem: it does not answer.
    """
    return backups.run(at, Progress("looking"), verb="list")[1]


def running(home: Home, name: str) -> tuple[Folder, Record]:
    """A store that runs.

    Raises:
        Problem: it does not.
    """
    folder, record = look.existing(home, name)
    if not process.is_running(folder.path):
        raise Problem(f"{name} does not run; bring it up: vectorstore wake {name}")
    return folder, record


def token_of(folder: Folder) -> str:
    """A store's admin key.

    Raises:
        Problem: it is gone.
    """
    token = folder.key("admin")
    if not token:
        raise Problem(f"there is no admin key in {folder.key_file('admin')}; run `vectorstore up` again")
    return token


def _proven(verified: Verified | None) -> str:
    return f"; proven: {verified.documents} documents compared, {verified.questions} questions" if verified else ""


class Progress:
    """A bar where the end is known, else how much has passed."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar = show.Progress()

    def __call__(self, done: int, of: int) -> None:
        self._bar.tell(done, of, f"{self._what}: {show.amount(done)}{f' of {show.amount(of)}' if of else ''}")
        if of and done == of:
            self._bar.end()
