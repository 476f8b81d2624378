"""`kubectl vectorstore connect`: a store of the cluster on a port of this machine, and how to use it.

The way goes through the API server, so that neither a Service nor a NetworkPolicy has to let anybody in:
who may do it is decided by the cluster's rights.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from vectorstore_operator import names
from vectorstore_operator.cli import show
from vectorstore_operator.cli.remote import Remote, key_of
from vectorstore_operator.cli.snippets import secret_key, snippet
from vectorstore_operator.cli.verbs import me, name, on_cluster, text_or_json, until_interrupted
from vectorstore_operator.cli.words import has_tls, secret_of
from vectorstore_operator.keys.keybook import ROLES
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.pods import is_ready

if TYPE_CHECKING:
    from vectorstore_operator.cli.forward import Forward


@click.command()
@name
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; else a free one.")
@click.option("--read-only", is_flag=True, help="Use the key that can only read.")
@click.option("--show-key", is_flag=True, help="Put the key itself on the screen.")
@text_or_json
@until_interrupted
@on_cluster
async def connect(remote: Remote, name: str, port: int, read_only: bool, show_key: bool, output: str) -> None:
    """Bring a store to a port of this machine, and show how to use it; ends with Ctrl-C."""
    store = await remote.store(name)
    role, secret = ROLES[read_only], secret_of(store)
    key = await key_of(remote, secret, role) if show_key else None
    async with forwarded(remote, store, port) as (server, url):
        command = secret_key(secret, remote.namespace, role, remote.options)
        if output == "json":
            click.echo(json.dumps({"url": url, "keyCommand": command} | ({"key": key} if key else {})))
        else:
            show.say(f"{name} in {remote.namespace} is at {url} until you press Ctrl-C\n")
            click.echo(snippet(url, command, key))
        await server.serve_forever()


@asynccontextmanager
async def forwarded(remote: Remote, store: Object, port: int = 0) -> AsyncIterator[tuple[asyncio.Server, str]]:
    """A port of this machine that leads to a store, and the URL there.

    Raises:
        Problem: no pod answers, or somebody has the port.
        ClusterError: it may not be reached.
    """
    from vectorstore_operator.cli.forward import Forward  # with the client that `on_cluster` has loaded
    from vectorstore_operator.cli.streams import Streams

    name = store["metadata"]["name"]
    async with Streams(remote.api, remote.namespace) as streams:
        forward = Forward(streams, lambda: _pod(remote, name), names.PORT, has_tls(store), show.say)
        await forward.check()
        async with await _listen(forward, port) as server:
            yield server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _listen(forward: Forward, port: int) -> asyncio.Server:
    try:
        return await asyncio.start_server(forward.carry, "127.0.0.1", port)
    except OSError as error:
        raise Problem(f"--port: {port}: {error.strerror or error}; choose another, or none for a free one") from None


async def _pod(remote: Remote, name: str) -> str:
    """A pod that answers: the first, which needs no other for anything, else any."""
    ready = [str(pod["metadata"]["name"]) for pod in await remote.children("Pod", name) if is_ready(pod)]
    if not ready:
        raise Problem(f"no pod of {name} answers; see why: {me()} status {name} -n {remote.namespace}")
    return ready[0]
