"""Both ends of an import or export: what the user named, as something to read from or to write to.

The package that moves, and what it needs, is loaded when a verb first does: a machine may not have it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vectorstore_operator.local import Problem, look, process
from vectorstore_operator.local.folder import Home

if TYPE_CHECKING:
    from vectorstore_operator.migrate.chroma.server import Server
    from vectorstore_operator.migrate.chroma.wire import Address
    from vectorstore_operator.migrate.moving import Origin

KEY_VARIABLE = "VECTORSTORE_KEY"


def at_url(url: str, key_file: Path | None, headers_file: Path | None) -> Address:
    """A server by its URL.

    Args:
        url: where it is.
        key_file: its first line is the key; None is the variable VECTORSTORE_KEY.
        headers_file: `Name: value` a line, for servers that want something else.
    """
    from vectorstore_operator.migrate.chroma.wire import Address

    key = _first_line(key_file) if key_file else None if headers_file else os.environ.get(KEY_VARIABLE)
    headers = {"x-chroma-token": key, "authorization": f"Bearer {key}"} if key else {}
    for line in headers_file.read_text().splitlines() if headers_file else ():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Address(url.rstrip("/"), url.rstrip("/"), headers)


def _first_line(file: Path) -> str:
    lines = file.read_text().split()
    if not lines:
        raise Problem(f"{file}: there is no key in it; its first line is to be the key")
    return lines[0]


def of_machine(home: Home, name: str, role: str) -> Address:
    """A store of this machine.

    Raises:
        Problem: it does not run, or its key is gone.
    """
    from vectorstore_operator.migrate.chroma.wire import Address

    folder, record = look.existing(home, name)
    if not process.is_running(folder.path):
        raise Problem(f"{name} does not run; bring it up: vectorstore wake {name}")
    key = folder.key(role)
    if not key:
        raise Problem(f"{name}: there is no {role} key in {folder.key_file(role)}")
    return Address(name, record.url, {"x-chroma-token": key}, tls=False)


@asynccontextmanager
async def server(address: Address, tenant: str) -> AsyncIterator[Server]:
    """A session with a server.

    Raises:
        Problem: none answers there.
    """
    from vectorstore_operator.migrate.chroma.server import Server
    from vectorstore_operator.migrate.chroma.wire import Wire

    async with Wire(address) as wire:
        await wire.meet()
        yield Server(wire, tenant)


def origin(path: str, tenant: str, scratch: Path | None) -> AbstractAsyncContextManager[Origin]:
    """What is at a path, to be read.

    Raises:
        Problem: nothing is, or nothing that is known.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise Problem(f"--from: {path} is not there; name a folder or a file, or a URL with http:// before it")
    return _opened(place, tenant, scratch)


@asynccontextmanager
async def _opened(place: Path, tenant: str, scratch: Path | None) -> AsyncIterator[Origin]:
    from vectorstore_operator.migrate.chroma import directory
    from vectorstore_operator.migrate.chroma.server import Server
    from vectorstore_operator.migrate.files.tree import Tree

    if directory.seems(place):
        async with directory.opened(place, scratch) as wire:
            yield Server(wire, tenant)
    else:
        yield Tree(place)


@asynccontextmanager
async def chroma_folder(path: Path) -> AsyncIterator[Server]:
    """A folder of Chroma's that is being made."""
    from vectorstore_operator.cli.show import say
    from vectorstore_operator.migrate.chroma import directory
    from vectorstore_operator.migrate.chroma.server import Server
    from vectorstore_operator.migrate.records import DEFAULT_TENANT

    async with directory.made(path, say) as wire:
        yield Server(wire, DEFAULT_TENANT)
