"""`import` and `export`: collections into a store and out of it, the same on one machine and in a cluster.

The store is the first argument; what else is meant, a folder, a file or a URL, is behind `--from` or `--to`.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vectorstore_operator.cli import ends, show
from vectorstore_operator.cli.verbs import text_or_json
from vectorstore_operator.local import Problem

if TYPE_CHECKING:
    from vectorstore_operator.migrate.chroma.server import Server
    from vectorstore_operator.migrate.moving import Moved

Target = AbstractAsyncContextManager["Server"]
_FORMATS = {"parquet": ".parquet", "jsonl": ".jsonl", "chroma": ""}

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    def decorate(work: Callable[..., Any]) -> Callable[..., Any]:
        return functools.reduce(lambda made, option: option(made), reversed(options), work)

    return decorate


importing = _options(
    click.option(
        "--from", "origin", required=True, metavar="PATH|URL", help="Chroma folder or server, Parquet, JSONL."
    ),
    click.option("--collection", "names", multiple=True, metavar="NAME", help="This one; again for more. Else all."),
    click.option(
        "--database", "databases", multiple=True, metavar="NAME", help="Of this database; again for more. Else of all."
    ),
    click.option("--tenant", default="default_tenant", show_default=True, help="Of this tenant of the source."),
    click.option("--to-database", metavar="NAME", help="Into this database. Else that of the same name."),
    click.option("--as", "as_name", metavar="NAME", help="What the one collection is to be called."),
    click.option(
        "--space",
        type=click.Choice(["cosine", "l2", "ip"]),
        help="Of files that do not say how distances are measured.",
    ),
    click.option("--mirror", is_flag=True, help="Delete records of these collections that the source does not have."),
    click.option("--from-key-file", type=_file, help="A file with the key of a source by URL."),
    click.option("--from-headers-file", type=_file, help="Headers for a source by URL, `Name: value` a line."),
    click.option(
        "--scratch",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Where the copy of a Chroma folder goes.",
    ),
    text_or_json,
)
"""Options of `import`, wherever the store is."""

exporting = _options(
    click.option("--to", "folder", required=True, type=click.Path(path_type=Path), help="The folder that is made."),
    click.option("--format", "form", type=click.Choice(list(_FORMATS)), required=True, help="What is in it."),
    click.option("--collection", "names", multiple=True, metavar="NAME", help="This one; again for more. Else all."),
    click.option(
        "--database", "databases", multiple=True, metavar="NAME", help="Of this database; again for more. Else of all."
    ),
    text_or_json,
)
"""Options of `export`, wherever the store is."""


async def run_import(target: Target, given: dict[str, Any]) -> None:
    """Imports, and reports.

    Args:
        target: the store.
        given: what the options say.
    """
    _installed()
    from vectorstore_operator.migrate.moving import Choice, into_server

    fields = ("names", "databases", "to_database", "as_name", "space", "mirror")
    choice = Choice(**{field: given[field] for field in fields})
    if "://" in given["origin"]:
        address = ends.at_url(given["origin"], given["from_key_file"], given["from_headers_file"])
        source: AbstractAsyncContextManager[Any] = ends.server(address, given["tenant"])
    else:
        source = ends.origin(given["origin"], given["tenant"], given["scratch"])
    began = time.monotonic()
    async with target as server, source as origin:
        with _Progress() as progress:
            moved = await into_server(origin, server, choice, progress)
        _report(given["origin"], server.name, time.monotonic() - began, moved, given["output"])


async def run_export(store: Target, given: dict[str, Any]) -> None:
    """Exports, and reports.

    Args:
        store: it.
        given: what the options say.
    """
    _installed()
    from vectorstore_operator.migrate.chroma.directory import settle
    from vectorstore_operator.migrate.moving import Choice, into_files, into_folder

    choice, folder = Choice(given["names"], given["databases"]), given["folder"].expanduser()
    began = time.monotonic()
    async with store as server:
        with _Progress() as progress:
            if suffix := _FORMATS[given["form"]]:
                moved = await into_files(server, folder, suffix, choice, progress)
            else:
                async with ends.chroma_folder(folder) as made:
                    moved = await into_folder(server, made, choice, progress)
        if not suffix and all(each.proof.ok for each in moved):
            settle(folder)
        _report(server.name, str(folder), time.monotonic() - began, moved, given["output"])


def _installed() -> None:
    try:
        import aiohttp  # noqa: F401
        import arro3.io  # noqa: F401
        import msgspec  # noqa: F401
        import numpy  # noqa: F401
    except ModuleNotFoundError as missing:
        package = str(missing.name).replace(".", "-")
        raise Problem(
            f"this needs the Python package {package}: pip install 'vectorstore-operator[cli,migrate]'"
        ) from None


def _report(source: str, target: str, seconds: float, moved: list[Moved], output: str) -> None:
    from vectorstore_operator.migrate import report

    if output == "json":
        click.echo(json.dumps(report.as_json(source, target, seconds, moved), indent=2))
    else:
        click.echo(show.table(report.rows(moved)))
    wrong = report.wrong(moved)
    if wrong:
        raise Problem("both sides are not the same:\n" + "\n".join(f"  {each}" for each in wrong))
    show.say(f"{target} has all of {source}: verified, after {seconds:.0f} s")


class _Progress:
    """A bar, with no more news than a reader takes in."""

    def __init__(self) -> None:
        self._bar = show.Progress()
        self._step = 1 if sys.stderr.isatty() else 10
        self._told = (-1, "")
        self._began = time.monotonic()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.end()

    def __call__(self, done: int, of: int, what: str) -> None:
        percent = 100 * done // max(of, 1)
        news = (percent // self._step, what)
        if news != self._told:
            self._told = news
            rate = done / max(time.monotonic() - self._began, 0.001)
            self._bar.tell(done, of, f"{percent} %  {what}  {rate:,.0f} records/s")
