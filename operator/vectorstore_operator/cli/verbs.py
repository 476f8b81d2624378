"""What the verbs on a cluster have in common: their options, the connection, the names they complete."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem

from vectorstore_operator.cli.remote import Target, opened
from vectorstore_operator.local import Problem

COMPLETE_SECONDS = 3.0
"""A shell waits no longer for the names of stores."""

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


def _complete(context: click.Context, _: click.Parameter, begun: str) -> Sequence[CompletionItem]:
    given = context.params
    target = Target(given.get("namespace"), given.get("context"), given.get("kubeconfig"))

    async def known() -> list[str]:
        async with asyncio.timeout(COMPLETE_SECONDS), opened(target) as remote:
            return [store["metadata"]["name"] for store in await remote.stores()]

    try:
        return [CompletionItem(name) for name in asyncio.run(known()) if name.startswith(begun)]
    except (Problem, TimeoutError):  # a shell that completes has no place for messages
        return []


name = click.argument("name", shell_complete=_complete)
name_or_all = click.argument("name", required=False, shell_complete=_complete)
