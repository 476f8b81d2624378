"""`kubectl vectorstore backup`, `backups` and `restore`: a VectorStoreBackup made, shown, put in a store's place.

The operator and its Jobs do the work. Here is said what is wanted, and told how it gets on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click

from vectorstore_operator.api import API_VERSION
from vectorstore_operator.cli import backup_words as words
from vectorstore_operator.cli import show
from vectorstore_operator.cli.change import until, wait
from vectorstore_operator.cli.remote import FIELD_MANAGER, Remote
from vectorstore_operator.cli.verbs import (
    completing,
    confirm,
    everywhere,
    me,
    name,
    name_or_all,
    on_cluster,
    output,
    text_or_json,
)
from vectorstore_operator.cluster.errors import Conflict, Forbidden
from vectorstore_operator.cluster.kinds import BACKUP
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object, paused

COLUMNS = {
    "BACKUP": "name",
    "STORE": "store",
    "STATE": "told",
    "TAKEN": "taken",
    "DOCUMENTS": "documents",
    "SIZE": "amount",
    "VERIFIED": "verified",
    "AGE": "age",
}


def _waits(function: Callable[..., None]) -> Callable[..., None]:
    waits = click.option("--wait/--no-wait", "waits", default=True, show_default=True, help="Stay until it is done.")
    at_least = click.FloatRange(min=0)
    seconds = click.option("--timeout", "seconds", type=at_least, default=3600, show_default=True, help="Of --wait.")
    return waits(seconds(function))


@click.command("backup")
@name
@click.option("--as", "called", metavar="BACKUP", help="What it is to be called; else by store and time.")
@click.option(
    "--verify/--no-verify", default=None, help="Prove it by restoring it in a scratch folder; else as planned."
)
@click.option("--keep/--delete-with", default=True, show_default=True, help="What becomes of it with its object.")
@_waits
@text_or_json
@on_cluster
async def backup(
    remote: Remote,
    name: str,
    called: str | None,
    verify: bool | None,
    keep: bool,
    waits: bool,
    seconds: float,
    output: str,
) -> None:
    """Back a store up, and prove that it would restore.

    Makes a VectorStoreBackup. --keep leaves the archive where it is when that is deleted, --delete-with has it go too.
    """
    await remote.store(name)
    spec = {"store": name, "verify": verify, "deletionPolicy": None if keep else "Delete"}
    called = called or f"{name}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    made = await _make(remote, called, {field: value for field, value in spec.items() if value is not None})
    if waits:
        see = f"{me()} backups {name} -n {remote.namespace}"
        made = await until(lambda: remote.backup(called), called, words.is_made, words.progress, seconds, lambda: see)
        show.say(words.made(made))
    click.echo(json.dumps(words.summary(made), indent=2) if output == "json" else called)


async def _make(remote: Remote, called: str, spec: dict[str, Any]) -> Object:
    head = {"apiVersion": API_VERSION, "kind": BACKUP.name}
    made = head | {"metadata": {"name": called, "namespace": remote.namespace}, "spec": spec}
    try:
        return await remote.cluster.create(made, FIELD_MANAGER)
    except Conflict:
        raise Problem(
            f"--as: there is a backup {called!r} in namespace {remote.namespace} already; choose another"
        ) from None


@click.command("backups")
@name_or_all
@everywhere
@output
@on_cluster
async def list_backups(remote: Remote, name: str | None, everywhere: bool, output: str) -> None:
    """Show the backups there are, of a store or of all."""
    if name and everywhere:
        raise click.UsageError("name a store or say -A, not both")
    found = [words.summary(each) for each in await remote.backups(name, everywhere)]
    if not found:
        where = "the cluster" if everywhere else f"namespace {remote.namespace}"
        make = f"make one: {me()} backup {name or 'STORE'} -n {remote.namespace}"
        show.say(f"no backups{f' of {name}' if name else ''} in {where}; {make}")
    if output == "table":
        found = [each | words.row(each, datetime.now(UTC)) for each in found]
    show.stores(found, {"NAMESPACE": "namespace", **COLUMNS} if everywhere else COLUMNS, output, one=False)


async def _to_restore(remote: Remote, given: dict[str, Any]) -> list[Object]:
    """The backups that are there to be restored, the newest first."""
    elsewhere = given.get("source")
    there = Remote(remote.cluster, remote.api, elsewhere, remote.options) if elsewhere else remote
    found = await there.backups(None if elsewhere else given.get("name"))
    return [each for each in reversed(found) if (each.get("status") or {}).get("phase") == "Completed"]


@click.command("restore")
@name
@click.option(
    "--from-namespace", "source", help="Of the backup, where it is another; a VectorStoreBackupGrant allows it."
)
@click.option(
    "--backup", "called", metavar="BACKUP", required=True, help="Which.", shell_complete=completing(_to_restore)
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_waits
@on_cluster
async def restore(
    remote: Remote, name: str, source: str | None, called: str, yes: bool, waits: bool, seconds: float
) -> None:
    """Restore a store from a backup, in place of what it holds.

    It serves while the backup arrives, and nobody while that is proven by the engine. Only then goes what it held;
    should the backup not hold, it stays as it is. A new store from a backup: spec.restoreFrom.
    """
    store = await remote.store(name)
    if paused(store):
        raise Problem(f"{name} is paused (spec.paused): first: {me()} resume {name} -n {remote.namespace}")
    confirm(f"{name} will hold what {await _of(remote, called, source)} holds, and nothing else", yes)
    request = datetime.now(UTC).isoformat(timespec="milliseconds")
    wanted = {"request": request, "backup": {"name": called, "namespace": source}, "object": None}
    await remote.change(name, restore=wanted)
    if not waits:
        show.say(f"{name} is to be restored from {called}")
        return
    done = await wait(
        remote, name, lambda store: words.is_restored(store, request), seconds, accepted=False, told=words.restoring
    )
    compared = done["status"]["restore"].get("documents")
    proven = f"; proven: {compared} documents compared" if compared is not None else ""
    show.say(f"{name} holds what {called} holds{proven}")


async def _of(remote: Remote, called: str, source: str | None) -> str:
    """A backup in words, as far as it may be seen: of another namespace the operator knows more.

    Raises:
        Problem: it can be seen, and is none to restore.
    """
    with suppress(Forbidden):
        shown = words.summary(await remote.backup(called, source))
        if shown["phase"] != "Completed":
            raise Problem(
                f"--backup: {called} is {shown['phase']}, not Completed: {shown['message'] or 'not begun yet'}"
            )
        return f"{called} of {shown['namespace']}/{shown['store']}, taken at {shown['taken']},"
    return called


VERBS = (backup, list_backups, restore)
