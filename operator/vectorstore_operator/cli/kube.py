"""`kubectl vectorstore`: the verbs that look at the stores of a cluster, and the group of all its verbs."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click

from vectorstore_operator.cli import change, cluster_backup, connect, migration_verbs, show
from vectorstore_operator.cli.cluster_report import Look, report
from vectorstore_operator.cli.remote import Remote
from vectorstore_operator.cli.report import tell
from vectorstore_operator.cli.upgrade import upgrade
from vectorstore_operator.cli.verbs import (
    everywhere,
    me,
    name,
    name_or_all,
    on_cluster,
    output,
    text_or_json,
    until_interrupted,
)
from vectorstore_operator.cli.words import summary
from vectorstore_operator.cluster.errors import Forbidden, NotFound
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object

COLUMNS = {**show.COLUMNS, "AGE": "age"}
USAGE = {**show.USAGE, "LAST REQUEST": "idle"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cluster() -> None:
    """Private, secured Chroma vector stores in a cluster."""


async def _summaries(remote: Remote, name: str | None, everywhere: bool) -> list[dict[str, Any]]:
    if name and everywhere:
        raise click.UsageError("name a store or say -A, not both")
    found = [await remote.store(name)] if name else await remote.stores(everywhere)
    if not found:
        where = "the cluster" if everywhere else f"namespace {remote.namespace}"
        show.say(f"no stores in {where}; make one: kubectl apply -f MANIFEST")
    return [summary(store) for store in found]


def _heads(columns: dict[str, str], everywhere: bool) -> dict[str, str]:
    return {"NAMESPACE": "namespace", **columns} if everywhere else columns


@cluster.command()
@name_or_all
@everywhere
@output
@on_cluster
async def get(remote: Remote, name: str | None, everywhere: bool, output: str) -> None:
    """Show one store or all."""
    found = await _summaries(remote, name, everywhere)
    if output == "table":
        found = [store | show.row(store, datetime.now(UTC)) for store in found]
    show.stores(found, _heads(COLUMNS, everywhere), output, bool(name))


@cluster.command()
@name_or_all
@everywhere
@output
@on_cluster
async def usage(remote: Remote, name: str | None, everywhere: bool, output: str) -> None:
    """Show what stores hold, what they may hold, and when they were last asked for something."""
    fields = ("name", "namespace", "resource", "plan", "documents", "limit", "bytes", "lastRequest")
    found = [{field: store[field] for field in fields} for store in await _summaries(remote, name, everywhere)]
    if output == "table":
        found = [store | show.usage(store, datetime.now(UTC)) for store in found]
    show.stores(found, _heads(USAGE, everywhere), output, bool(name))


@cluster.command()
@name
@text_or_json
@on_cluster
async def status(remote: Remote, name: str, output: str) -> None:
    """Tell how a store fares, why it is not ready, and what to do.

    Exit code 0 where it is ready, 3 where not.
    """
    told = report(await _look(remote, name), me(), datetime.now(UTC))
    tell(told, output)


async def _look(remote: Remote, name: str) -> Look:
    store = await remote.store(name)
    pods, claims = await asyncio.gather(remote.children("Pod", name), remote.children("PersistentVolumeClaim", name))
    backups: list[Object] = []
    with suppress(Forbidden, NotFound):
        backups = await remote.backups(name)
    about = [("VectorStore", name), ("StatefulSet", name)]
    about += [(child["kind"], child["metadata"]["name"]) for child in (*pods, *claims)]
    events = await asyncio.gather(*(remote.events(kind, of) for kind, of in about))
    return Look(store, pods, claims, [event for each in events for event in each], backups)


@cluster.command()
@name
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until Ctrl-C.")
@click.option("--tail", type=click.IntRange(min=0), help="So many lines from the end; else all.")
@click.option("--previous", is_flag=True, help="Of the container before the last restart.")
@click.option("--pod", type=click.IntRange(0, 15), default=0, show_default=True, help="The pod's ordinal.")
@until_interrupted
@on_cluster
async def logs(remote: Remote, name: str, follow: bool, tail: int | None, previous: bool, pod: int) -> None:
    """Show the log of a store's pod."""
    from vectorstore_operator.cli.streams import Streams  # with the client that `on_cluster` has loaded

    pods = [
        each["metadata"]["name"]
        for each in await remote.children("Pod", (await remote.store(name))["metadata"]["name"])
    ]
    if f"{name}-{pod}" not in pods:
        has = f"{name} has no pod {name}-{pod}; it has: {', '.join(pods) or 'none'}"
        raise Problem(f"{has}; see: {me()} status {name} -n {remote.namespace}")
    flags = {"follow": follow, "previous": previous}
    query = {flag: "true" for flag, given in flags.items() if given}
    query |= {} if tail is None else {"tailLines": str(tail)}
    async with Streams(remote.api, remote.namespace) as streams:
        async for piece in streams.log(f"{name}-{pod}", **query):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


for each in (
    *(connect.connect, upgrade, *change.VERBS, *cluster_backup.VERBS),
    *(migration_verbs.cluster_import, migration_verbs.cluster_export),
):
    cluster.add_command(each)
