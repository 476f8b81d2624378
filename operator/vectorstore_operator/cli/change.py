"""`kubectl vectorstore pause`, `resume`, `hibernate`, `wake`: one field of a store's spec each.

The operator does the rest; `--wait` stays until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import click

from vectorstore_operator.cli import show
from vectorstore_operator.cli.remote import Remote
from vectorstore_operator.cli.verbs import me, name, on_cluster
from vectorstore_operator.cli.words import condition, progress, seen
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object

Reached = Callable[[Object], bool]
_LOOK_SECONDS = 0.5


def is_ready(store: Object) -> bool:
    """Whether all that the spec wants is there and answers."""
    return condition(store, "Ready").get("status") == "True"


def is_paused(store: Object) -> bool:
    """Whether the operator keeps its hands off."""
    return condition(store, "Progressing").get("reason") == "Paused"


def is_asleep(store: Object) -> bool:
    """Whether the pods are gone."""
    return condition(store, "Ready").get("reason") == "Hibernated" and not (store["status"].get("replicas") or 0)


def is_resumed(store: Object) -> bool:
    """Whether the operator has caught up, awake or asleep."""
    return not is_paused(store) and (is_ready(store) or is_asleep(store))


async def wait(remote: Remote, name: str, reached: Reached, seconds: float) -> None:
    """Until the operator has seen the last change and this is true; tells how it goes.

    Raises:
        Problem: the store is refused, or it takes longer.
    """
    progressed = show.Progress()
    try:
        async with asyncio.timeout(seconds):
            while not (seen(store := await remote.store(name)) and reached(store)):
                progressed.tell(*progress(store))
                told = condition(store, "Accepted")
                if seen(store) and told.get("status") == "False":
                    raise Problem(f"{name}: {told['message']}")
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        where = f"{name} -n {remote.namespace}"
        raise Problem(f"{name}: not done after {seconds:g} s, and going on; see: {me()} status {where}") from None
    finally:
        progressed.end()


def verb(called: str, help_: str, done: str, reached: Reached, **spec: Any) -> click.Command:
    """A verb that sets fields of the spec.

    Args:
        called: the verb.
        help_: what it does.
        done: what is told then, after the store's name.
        reached: what `--wait` waits for.
        spec: the fields; None removes one.
    """

    @click.command(called, help=help_)
    @name
    @click.option("--wait", "waits", is_flag=True, help="Stay until it is so.")
    @click.option(
        "--timeout", "seconds", type=click.FloatRange(min=0), default=300, show_default=True, help="Of --wait."
    )
    @on_cluster
    async def run(remote: Remote, name: str, waits: bool, seconds: float) -> None:
        await remote.change(name, **spec)
        if waits:
            await wait(remote, name, reached, seconds)
        show.say(f"{name} {done}")

    return run


VERBS = (
    verb("pause", "Let the operator leave a store's children as they are.", "is paused", is_paused, paused=True),
    verb("resume", "Let the operator look after a store again.", "is looked after again", is_resumed, paused=None),
    verb(
        "hibernate",
        "End a store's pods; its data, keys and address stay.",
        "hibernates; data, keys and address stay",
        is_asleep,
        hibernated=True,
    ),
    verb("wake", "Bring a store's pods back.", "is awake", is_ready, hibernated=None),
)
