"""What the verbs on a cluster have in common: their options, the connection, the names they complete."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem

from vectorstore_operator.cli.remote import Remote, Target, opened
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object

COMPLETE_SECONDS = 3.0
"""A shell waits no longer for names."""

output = click.option(
    "-o", "--output", type=click.Choice(["table", "json", "name"]), default="table", show_default=True
)

text_or_json = click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


def me() -> str:
    """The command as the user typed it, for hints at another one."""
    root = click.get_current_context().find_root()
    return f"{root.info_name} --cluster" if root.params.get("cluster") else str(root.info_name)


def on_cluster(work: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Makes a verb of a coroutine, whose first argument is the `Remote` that the options name."""

    @click.option("-n", "--namespace", help="Namespace; else that of the context.")
    @click.option("--context", help="Context of the kubeconfig; else the current one.")
    @click.option("--kubeconfig", type=click.Path(), help="Else KUBECONFIG, else ~/.kube/config.")
    @functools.wraps(work)
    def run(namespace: str | None, context: str | None, kubeconfig: str | None, **given: Any) -> None:
        async def connected() -> None:
            async with opened(Target(namespace, context, kubeconfig)) as remote:
                await work(remote, **given)

        asyncio.run(connected())

    return run


def until_interrupted(work: Callable[..., None]) -> Callable[..., None]:
    """For verbs that go on until Ctrl-C, which is then no failure."""

    @functools.wraps(work)
    def run(*given: Any, **named: Any) -> None:
        with suppress(KeyboardInterrupt):
            work(*given, **named)

    return run


def confirm(what: str, yes: bool) -> None:
    """Asks whether to go on with what cannot be taken back.

    Raises:
        UsageError: nobody is there to be asked, and nobody said yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what}; say --yes if that is what is wanted")
    click.confirm(f"{what}. Go on?", abort=True, err=True)


Find = Callable[[Remote, dict[str, Any]], Awaitable[list[Object]]]
Complete = Callable[[click.Context, click.Parameter, str], Sequence[CompletionItem]]


def completing(find: Find) -> Complete:
    """What completes the name of one of these objects; they are looked for with the words that were typed."""

    def complete(context: click.Context, _: click.Parameter, begun: str) -> Sequence[CompletionItem]:
        given = context.params
        target = Target(given.get("namespace"), given.get("context"), given.get("kubeconfig"))

        async def known() -> list[str]:
            async with asyncio.timeout(COMPLETE_SECONDS), opened(target) as remote:
                return [each["metadata"]["name"] for each in await find(remote, given)]

        try:
            return [CompletionItem(name) for name in asyncio.run(known()) if name.startswith(begun)]
        except (Problem, TimeoutError):  # a shell that completes has no place for messages
            return []

    return complete


_stores = completing(lambda remote, _: remote.stores())
name = click.argument("name", shell_complete=_stores)
name_or_all = click.argument("name", required=False, shell_complete=_stores)
everywhere = click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
