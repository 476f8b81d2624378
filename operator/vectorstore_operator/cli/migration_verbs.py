"""The verbs `import` and `export`, for the stores of this machine and for those of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vectorstore_operator.cli import ends, verbs
from vectorstore_operator.cli.connect import forwarded
from vectorstore_operator.cli.migration import exporting, importing, run_export, run_import
from vectorstore_operator.cli.remote import Remote, key_of
from vectorstore_operator.cli.words import secret_of
from vectorstore_operator.keys.keybook import ROLES
from vectorstore_operator.local.folder import Home

if TYPE_CHECKING:
    from vectorstore_operator.migrate.chroma.server import Server

READ_WRITE, READ_ONLY = ROLES

_target = click.argument("store", metavar="NAME|URL")
_key_file = click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the key of a store by URL; else the variable VECTORSTORE_KEY.",
)


@click.command("import")
@_target
@_key_file
@importing
@click.pass_obj
def machine_import(home: Home, /, store: str, key_file: Path | None, **given: Any) -> None:
    """Bring collections into a store, and prove that nothing changed.

    Run it again after whatever stopped it, and just before clients change over: it brings what differs.
    """
    asyncio.run(run_import(_machine(home, store, key_file, READ_WRITE), given))


@click.command("export")
@_target
@_key_file
@exporting
@click.pass_obj
def machine_export(home: Home, /, store: str, key_file: Path | None, **given: Any) -> None:
    """Write a store's collections into a folder, and prove that nothing changed."""
    asyncio.run(run_export(_machine(home, store, key_file, READ_ONLY), given))


@asynccontextmanager
async def _machine(home: Home, store: str, key_file: Path | None, role: str) -> AsyncIterator[Server]:
    by_url = "://" in store
    address = ends.at_url(store, key_file, None) if by_url else ends.of_machine(home, store, role)
    async with ends.server(address, "default_tenant") as server:
        yield server


@click.command("import")
@verbs.name
@importing
@verbs.on_cluster
async def cluster_import(remote: Remote, name: str, **given: Any) -> None:
    """Bring collections into a store, and prove that nothing changed.

    Run it again after whatever stopped it, and just before clients change over: it brings what differs.
    """
    await run_import(_cluster(remote, name, READ_WRITE), given)


@click.command("export")
@verbs.name
@exporting
@verbs.on_cluster
async def cluster_export(remote: Remote, name: str, **given: Any) -> None:
    """Write a store's collections into a folder, and prove that nothing changed."""
    await run_export(_cluster(remote, name, READ_ONLY), given)


@asynccontextmanager
async def _cluster(remote: Remote, name: str, role: str) -> AsyncIterator[Server]:
    from vectorstore_operator.migrate.chroma.wire import Address

    store = await remote.store(name)
    key = await key_of(remote, secret_of(store), role)
    async with forwarded(remote, store) as (_, url):
        address = Address(f"{name} in {remote.namespace}", url, {"x-chroma-token": key})
        async with ends.server(address, "default_tenant") as server:
            yield server
