"""`kubectl vectorstore upgrade`: another instance for a store, and the wait until it has proven itself or went."""

from __future__ import annotations

import click

from vectorstore_operator.cli import show
from vectorstore_operator.cli.change import Reached, is_asleep, is_ready, wait, waiting
from vectorstore_operator.cli.remote import Remote
from vectorstore_operator.cli.verbs import name, on_cluster
from vectorstore_operator.conditions import condition
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object


def runs(version: str) -> Reached:
    """Whether a store runs a version, and all its pods answer.

    Raises:
        Problem: it was tried, and taken back.
    """

    def reached(store: Object) -> bool:
        told = condition(store, "UpdateAvailable")
        if told.get("reason") == "RolledBack":
            raise Problem(f"{store['metadata']['name']}: {told['message']}")
        status = store.get("status") or {}
        moving = (status.get("rollout") or {}).get("moving")
        there: bool = status.get("version") == version and not moving and is_ready(store)
        return there or is_asleep(store)

    return reached


@click.command()
@name
@click.option("--version", metavar="TAG", help="Which; else the operator's release.")
@waiting
@on_cluster
async def upgrade(remote: Remote, name: str, version: str | None, waits: bool, seconds: float) -> None:
    """Give a store another version of the instance; it goes back by itself if that does not answer."""
    store = await remote.store(name)
    status = store.get("status") or {}
    wanted = version or (status.get("rollout") or {}).get("release")
    if wanted is None:
        if "version" not in status:
            raise Problem(f"{name}: the operator has not told yet what it runs; try again in a moment")
        show.say(f"{name} runs {status['version']}, the operator's release")
        return
    await remote.change(name, version=wanted)
    if not waits:
        show.say(f"{name} is to run {wanted}")
        return
    reached = await wait(remote, name, runs(wanted), seconds)
    show.say(f"{name} hibernates, and wakes with {wanted}" if is_asleep(reached) else f"{name} runs {wanted}")
