"""`vectorstore up`, `get` and `down`: stores on this machine, from the manifests of the cluster.

What the user asked for goes to standard output, how it goes to standard error. Exit codes: 0 done,
1 it could not be done, 2 the command or the manifest is wrong, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, TextIO

import click

from vectorstore_operator import __version__
from vectorstore_operator.local import Invalid, Problem, stores
from vectorstore_operator.local.folder import Home, default_home
from vectorstore_operator.local.manifest import parse
from vectorstore_operator.local.process import await_end

COLUMNS = ("NAME", "PLAN", "STATE", "DOCUMENTS", "URL")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.pass_context
def cli(context: click.Context) -> None:
    """Private, secured Chroma vector stores on this machine.

    Stores live in VECTORSTORE_HOME (default: ~/.local/share/vectorstore).
    """
    context.obj = default_home()


@cli.command()
@click.option(
    "-f", "--file", "manifests", type=click.File(), multiple=True, required=True, help="Manifest; - is stdin."
)
@click.option("--foreground", is_flag=True, help="Stay attached; Ctrl-C ends the stores.")
@click.option("--timeout", type=click.FloatRange(min=0), default=120, show_default=True, help="Seconds to get ready.")
@click.pass_obj
def up(home: Home, manifests: Sequence[TextIO], foreground: bool, timeout: float) -> None:
    """Bring stores about as their manifests say, and wait until they are ready."""
    try:
        manifest = parse({file.name: file.read() for file in manifests})
    except UnicodeDecodeError as problem:
        raise Invalid(f"a manifest is not UTF-8 text: {problem.reason} at byte {problem.start}") from None
    names = stores.Up(home, _say, timeout, attached=foreground).run(manifest)
    if foreground:
        _stay(home, names)


def _stay(home: Home, names: Sequence[str]) -> None:
    _say("press Ctrl-C to end")
    with contextlib.suppress(KeyboardInterrupt):
        await_end([home.folder(name).path for name in names])
    stores.down(home, [name for name in names if name in home.names()], _say)


@cli.command()
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_obj
def get(home: Home, name: str | None, output: str) -> None:
    """Show one store or all."""
    shown = [stores.describe(home, name)] if name else list(_each(home, home.names()))
    if output == "json":
        click.echo(json.dumps(shown[0] if name else shown, indent=2))
    elif shown:
        _table(shown)
    else:
        _say(f"no stores in {home.path}; make one: vectorstore up -f MANIFEST")


def _each(home: Home, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Shows what can be shown: one store that is spoiled hides none of the others."""
    for name in names:
        try:
            yield stores.describe(home, name)
        except Problem as problem:
            _say(f"Error: {problem}")


def _table(shown: Sequence[dict[str, Any]]) -> None:
    rows = [COLUMNS]
    for store in shown:
        used = "-" if store["documents"] is None else store["documents"]
        rows.append((store["name"], store["plan"], store["state"], f"{used}/{store['limit']}", store["url"]))
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@cli.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every store of VECTORSTORE_HOME.")
@click.pass_obj
def down(home: Home, names: Sequence[str], everything: bool) -> None:
    """End stores; data and keys stay, unless a store's deletionPolicy is Delete."""
    if bool(names) == everything:
        raise click.UsageError("name the stores to end, or say --all")
    stores.down(home, home.names() if everything else names, _say)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Runs the command line; a user meets messages, not traces."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cli(standalone_mode=False, prog_name="vectorstore")
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except Invalid as problem:
        _fail(str(problem), 2)
    except Problem as problem:
        _fail(str(problem), 1)
    except OSError as problem:
        _fail(f"{problem.filename or 'this machine'}: {problem.strerror}", 1)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)


def _fail(text: str, code: int) -> NoReturn:
    _say(f"Error: {text}")
    sys.exit(code)
