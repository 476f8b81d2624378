"""`backup`, `restore` and `backups`, for the stores of this machine."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from vectorstore_instance.backup.result import Info
from vectorstore_operator.cli import show
from vectorstore_operator.cli.backing import key_option, listed, make, place_option, put, running, theirs, to, told
from vectorstore_operator.cli.show import say
from vectorstore_operator.cli.verbs import confirm, text_or_json
from vectorstore_operator.local import Problem, backups, stores
from vectorstore_operator.local.folder import Home

COLUMNS = ("BACKUP", "STORE", "TAKEN", "DOCUMENTS", "SIZE", "VERIFIED", "ENCRYPTED", "OF")


@click.command("backup")
@click.argument("name")
@place_option("--to")
@click.option("--as", "called", metavar="BACKUP", help="What it is to be called; else by the time.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Restore it in a scratch folder, compare.")
@key_option
@text_or_json
@click.pass_obj
def backup(
    home: Home, name: str, where: str, called: str | None, verify: bool, key_file: Path | None, output: str
) -> None:
    """Back up a store that runs, and prove that it would restore.

    S3 is reached by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL.
    """
    running(home, name)
    called = called or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    made = make(home, name, to(where, key_file), called, verify)
    if output == "json":
        click.echo(made.model_dump_json(by_alias=True, exclude_none=True, indent=2))
        return
    say(told(made))
    click.echo(called)


@click.command("restore")
@click.argument("name")
@place_option("--from")
@click.option("--backup", "called", metavar="BACKUP", help="Which; else the latest.")
@click.option("--of", metavar="CLUSTER/NAMESPACE/UID", help="Whose, as `backups` shows it; else by the store's name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@key_option
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
        running(home, name)
        chosen = _choose(listed(at), name, called, of, where)
        confirm(f"{name} will hold {theirs(chosen)}, and nothing else", yes)
        put(home, name, at, chosen, secrets.token_hex(8))


@click.command("backups")
@click.argument("name", required=False)
@place_option("--in")
@text_or_json
def list_backups(name: str | None, where: str, output: str) -> None:
    """Show the backups there are, of a store or of all."""
    found = listed(backups.place(where, None, os.environ))
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
