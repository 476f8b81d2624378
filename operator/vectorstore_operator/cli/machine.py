"""`vectorstore`: the verbs on the stores of this machine, and the group of them all."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import click
from click.shell_completion import CompletionItem

from vectorstore_operator.cli import backup, machine_report, migration_verbs, show
from vectorstore_operator.cli.report import tell
from vectorstore_operator.cli.schedule import schedule
from vectorstore_operator.cli.show import say
from vectorstore_operator.cli.snippets import file_key, snippet
from vectorstore_operator.cli.verbs import output, text_or_json, until_interrupted
from vectorstore_operator.local import Invalid, Problem, change, look, process, stores
from vectorstore_operator.local.folder import Home, default_home
from vectorstore_operator.local.manifest import parse

USAGE = {**show.USAGE, "COLLECTIONS": "collections"}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "obj": default_home()})
def machine() -> None:
    """Private, secured Chroma vector stores on this machine."""


def _complete(_: click.Context, __: click.Parameter, begun: str) -> Sequence[CompletionItem]:
    return [CompletionItem(name) for name in default_home().names() if name.startswith(begun)]


name = click.argument("name", shell_complete=_complete)
name_or_all = click.argument("name", required=False, shell_complete=_complete)
seconds = click.option(
    "--timeout", "seconds", type=click.FloatRange(min=0), default=120, show_default=True, help="Seconds to get ready."
)


@machine.command()
@click.option(
    "-f", "--file", "manifests", type=click.File(), multiple=True, required=True, help="Manifest; - is stdin."
)
@click.option("--foreground", is_flag=True, help="Stay attached; Ctrl-C ends the stores.")
@seconds
@click.pass_obj
def up(home: Home, manifests: Sequence[TextIO], foreground: bool, seconds: float) -> None:
    """Bring stores about as their manifests say, and wait until they are ready."""
    try:
        manifest = parse({file.name: file.read() for file in manifests})
    except UnicodeDecodeError as problem:
        raise Invalid(f"a manifest is not UTF-8 text: {problem.reason} at byte {problem.start}") from None
    names = stores.Up(home, say, seconds, attached=foreground).run(manifest)
    if foreground:
        _stay(home, names)


def _stay(home: Home, names: Sequence[str]) -> None:
    say("press Ctrl-C to end")
    with contextlib.suppress(KeyboardInterrupt):
        process.await_end([home.folder(name).path for name in names])
    stores.down(home, [name for name in names if name in home.names()], say)


@machine.command()
@click.argument("names", nargs=-1, shell_complete=_complete)
@click.option("--all", "everything", is_flag=True, help="Every store of VECTORSTORE_HOME.")
@click.pass_obj
def down(home: Home, names: Sequence[str], everything: bool) -> None:
    """End stores; data and keys stay, unless a store's deletionPolicy is Delete."""
    if bool(names) == everything:
        raise click.UsageError("name the stores to end, or say --all")
    stores.down(home, home.names() if everything else names, say)


@machine.command()
@name_or_all
@output
@click.pass_obj
def get(home: Home, name: str | None, output: str) -> None:
    """Show one store or all."""
    found = _found(home, name)
    if output == "table":
        found = [store | show.row(store, datetime.now(UTC)) for store in found]
    show.stores(found, show.COLUMNS, output, bool(name))


@machine.command()
@name_or_all
@output
@click.pass_obj
def usage(home: Home, name: str | None, output: str) -> None:
    """Show what stores hold, and what they may hold."""
    fields = ("name", "namespace", "resource", "plan", "documents", "limit", "bytes", "collections")
    found = [{field: store[field] for field in fields} for store in _found(home, name)]
    if output == "table":
        found = [store | show.usage(store, datetime.now(UTC)) for store in found]
    show.stores(found, USAGE, output, bool(name))


def _found(home: Home, name: str | None) -> list[dict[str, Any]]:
    found = [look.describe(home, name)] if name else list(_each(home, home.names()))
    if not found:
        say(f"no stores in {home.path}; make one: vectorstore up -f MANIFEST")
    return found


def _each(home: Home, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Shows what can be shown: one store that is spoiled hides none of the others."""
    for name in names:
        try:
            yield look.describe(home, name)
        except Problem as problem:
            say(f"Error: {problem}")


@machine.command()
@name
@text_or_json
@click.pass_obj
def status(home: Home, name: str, output: str) -> None:
    """Tell how a store fares, why it is not ready, and what to do.

    Exit code 0 where it is ready, 3 where not.
    """
    folder = home.folder(name)
    shown = look.describe(home, name)
    lines = process.last_lines(folder.log) if folder.log.exists() else []
    code = process.read_run(folder.path).code
    tell(machine_report.report(shown, code, [line.strip() for line in lines]), output)


@machine.command()
@name
@click.option("--read-only", is_flag=True, help="Use the key that can only read.")
@click.option("--show-key", is_flag=True, help="Put the key itself on the screen.")
@text_or_json
@click.pass_obj
def connect(home: Home, name: str, read_only: bool, show_key: bool, output: str) -> None:
    """Show how to use a store from a shell, from Python and by curl."""
    shown = look.describe(home, name)
    if shown["state"] != "Ready":
        raise Problem(f"{name} does not answer; see why: vectorstore status {name}")
    role = "read-only" if read_only else "read-write"
    folder = home.folder(name)
    command, key = file_key(str(folder.key_file(role))), folder.key(role) if show_key else None
    if output == "json":
        click.echo(json.dumps({"url": shown["url"], "keyCommand": command} | ({"key": key} if key else {})))
    else:
        click.echo(snippet(shown["url"], command, key, look.authority(home, name)))


@machine.command()
@name
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until Ctrl-C.")
@click.option("--tail", type=click.IntRange(min=0), help="So many lines from the end; else all.")
@click.pass_obj
@until_interrupted
def logs(home: Home, name: str, follow: bool, tail: int | None) -> None:
    """Show a store's log."""
    log = look.describe(home, name)["logFile"]
    lines = "+1" if tail is None else str(tail)
    subprocess.run(["tail", "-n", lines, *(["-F"] if follow else []), "--", log], check=False)


@machine.command("rotate-key")
@name
@click.option("--revoke", is_flag=True, help="The former keys are void at once.")
@click.pass_obj
def rotate_key(home: Home, name: str, revoke: bool) -> None:
    """Give a store new keys; the former stay valid until they are revoked."""
    change.rotate_keys(home, name, revoke, say)


@machine.command()
@name
@click.pass_obj
def pause(home: Home, name: str) -> None:
    """Let `up` leave a store as it is."""
    change.pause(home, name, True, say)
    say(f"{name} is paused: `vectorstore up` leaves it as it is; it goes on as it was")


@machine.command()
@name
@click.pass_obj
def resume(home: Home, name: str) -> None:
    """Let `up` look after a store again."""
    change.pause(home, name, False, say)
    say(f"{name} is looked after again")


@machine.command()
@name
@click.option("--version", metavar="TAG", help="Which; only the one that is installed.")
@seconds
@click.pass_obj
def upgrade(home: Home, name: str, version: str | None, seconds: float) -> None:
    """Start a store anew, with the version that is installed on this machine."""
    change.upgrade(home, name, version, stores.Up(home, say, seconds))


@machine.command()
@name
@seconds
@click.pass_obj
def hibernate(home: Home, name: str, seconds: float) -> None:
    """End a store's process; its data, keys and port stay."""
    stores.Up(home, say, seconds).change(name, hibernated=True)


@machine.command()
@name
@seconds
@click.pass_obj
def wake(home: Home, name: str, seconds: float) -> None:
    """Bring a store's process back, whether it hibernates or is down."""
    stores.Up(home, say, seconds).change(name, hibernated=None)


for each in (
    *(migration_verbs.machine_import, migration_verbs.machine_export),
    *(backup.backup, backup.restore, backup.list_backups, schedule),
):
    machine.add_command(each)
