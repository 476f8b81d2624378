"""`backup`, `restore` and `backups`, for the stores of this machine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from vectorstore_instance.backup.job import Store
from vectorstore_instance.backup.result import Info, Verified
from vectorstore_operator.cli import show
from vectorstore_operator.cli.show import say
from vectorstore_operator.cli.verbs import confirm, text_or_json
from vectorstore_operator.local import Problem, backups, look, process, stores
from vectorstore_operator.local.folder import Folder, Home
from vectorstore_operator.local.wanted import Record

COLUMNS = ("BACKUP", "STORE", "TAKEN", "DOCUMENTS", "SIZE", "VERIFIED", "ENCRYPTED", "OF")

_key = click.option(
    "--encryption-key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with age keys, as age-keygen makes them: the first encrypts, each decrypts.",
)


def _place(option: str) -> Callable[..., Any]:
    return click.option(
        option, "where", metavar="DIR|s3://BUCKET/PREFIX", required=True, help="The place where backups are kept."
    )


@click.command("backup")
@click.argument("name")
@_place("--to")
@click.option("--as", "called", metavar="BACKUP", help="What it is to be called; else by the time.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Restore it in a scratch folder, compare.")
@_key
@text_or_json
@click.pass_obj
def backup(
    home: Home, name: str, where: str, called: str | None, verify: bool, key_file: Path | None, output: str
) -> None:
    """Back up a store that runs, and prove that it would restore.

    S3 is reached by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL.
    """
    folder, record = _running(home, name)
    called = called or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if "://" not in where:
        Path(where).expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)
    at = backups.place(where, key_file, os.environ)
    asked: dict[str, Any] = {"store": backups.store_of(record), "names": (called,)}
    instance: dict[str, Any] = {"token": _token(folder), "url": record.management_url}
    watch = _Progress(f"backing {name} up")
    made = backups.run(at, watch, verb="backup", encrypt=bool(key_file), **instance, **asked)[0].backup
    if verify:
        made = backups.run(at, _Progress("verifying it"), verb="verify", **asked)[0].backup
    if made is None:
        raise Problem("the backup program did not say what it made")
    if output == "json":
        click.echo(made.model_dump_json(by_alias=True, exclude_none=True, indent=2))
        return
    size, waited = show.amount(made.size), round(made.pause_seconds * 1000)
    say(f"{made.documents} documents, {size}; writes waited {waited} ms{_proven(made.verified)}")
    click.echo(called)


@click.command("restore")
@click.argument("name")
@_place("--from")
@click.option("--backup", "called", metavar="BACKUP", help="Which; else the latest.")
@click.option("--of", metavar="CLUSTER/NAMESPACE/UID", help="Whose, as `backups` shows it; else by the store's name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_key
@click.pass_obj
def restore(
    home: Home, name: str, where: str, called: str | None, of: str | None, yes: bool, key_file: Path | None
) -> None:
    """Restore a store that runs from a backup, in place of what it holds.

    It serves while the backup arrives, and nobody while that is proven by the engine. Only then goes what it held;
    should the backup not hold, it stays as it is.
    """
    at = backups.place(where, key_file, os.environ)
    with stores.locked(home, [name], say):
        folder, record = _running(home, name)
        chosen = _choose(backups.run(at, _Progress("looking"), verb="list")[1], name, called, of, where)
        theirs = f"what {chosen.cluster}/{chosen.namespace}/{chosen.store} held at {chosen.taken:%F %T}Z"
        confirm(f"{name} will hold {theirs}, and nothing else", yes)
        began = time.monotonic()
        verified = backups.run(
            at,
            _Progress(f"restoring {chosen.name}"),
            token=_token(folder),
            verb="restore",
            url=record.management_url,
            replace=True,
            store=Store(cluster=chosen.cluster, namespace=chosen.namespace, uid=chosen.uid, name=chosen.store),
            names=(chosen.name,),
        )[0].verified
        process.await_ready(folder.path, record.management_url, 120, fresh=False)
        say(f"{name} holds {theirs}{_proven(verified)}, after {time.monotonic() - began:.0f} s")


@click.command("backups")
@click.argument("name", required=False)
@_place("--in")
@text_or_json
def list_backups(name: str | None, where: str, output: str) -> None:
    """Show the backups there are, of a store or of all."""
    found = backups.run(backups.place(where, None, os.environ), _Progress("looking"), verb="list")[1]
    found = [info for info in found if name in (None, info.store)]
    if output == "json":
        click.echo(json.dumps([info.model_dump(mode="json", by_alias=True, exclude_none=True) for info in found]))
    elif found:
        click.echo(show.table([COLUMNS, *map(_row, found)]))
    else:
        say(f"no backups{f' of {name}' if name else ''} in {where}")


def _row(info: Info) -> tuple[str, ...]:
    return (
        *(info.name, info.store, f"{info.taken:%FT%TZ}", str(info.documents), show.amount(info.size) or ""),
        *(f"{info.verified.at:%FT%TZ}" if info.verified else "no", "yes" if info.encrypted else "no"),
        _of(info),
    )


def _of(info: Info) -> str:
    return f"{info.cluster}/{info.namespace}/{info.uid}"


def _running(home: Home, name: str) -> tuple[Folder, Record]:
    folder, record = look.existing(home, name)
    if not process.is_running(folder.path):
        raise Problem(f"{name} does not run; bring it up: vectorstore wake {name}")
    return folder, record


def _token(folder: Folder) -> str:
    token = folder.key("admin")
    if not token:
        raise Problem(f"there is no admin key in {folder.key_file('admin')}; run `vectorstore up` again")
    return token


def _choose(found: list[Info], name: str, called: str | None, of: str | None, where: str) -> Info:
    """
    Raises:
        Problem: there is none, or it is not clear whose is meant.
    """
    fitting = [i for i in found if (_of(i) == of if of else i.store == name) and called in (None, i.name)]
    if not fitting:
        wanted = f"backup {called!r}" if called else "backup"
        raise Problem(
            f"{where}: there is no {wanted} of {of or name}; see what there is: vectorstore backups --in {where}"
        )
    if len(several := sorted(set(map(_of, fitting)))) > 1:
        raise Problem(f"{where}: backups of several stores {name!r} are there; say --of: {', '.join(several)}")
    return fitting[-1]


def _proven(verified: Verified | None) -> str:
    return f"; proven: {verified.documents} documents compared, {verified.questions} questions" if verified else ""


class _Progress:
    """A bar where the end is known, else how much has passed."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar = show.Progress()

    def __call__(self, done: int, of: int) -> None:
        self._bar.tell(done, of, f"{self._what}: {show.amount(done)}{f' of {show.amount(of)}' if of else ''}")
        if of and done == of:
            self._bar.end()
