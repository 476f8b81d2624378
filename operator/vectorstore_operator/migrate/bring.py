"""From any source into a server: what is not there yet is written, what is there and equal is left alone.

So a command that was killed goes on where it was, and one that is run again brings only what changed since. Chroma's
upsert adds to a record's metadata and takes nothing away: a record that differs is deleted and written anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.chroma.server import Server
from vectorstore_operator.migrate.chroma.wire import Refused
from vectorstore_operator.migrate.comparison import as_engine
from vectorstore_operator.migrate.records import Collection, Records, short
from vectorstore_operator.migrate.schema import chosen, paced

Tell = Callable[[int, str], None]
"""Told of records that went by, and what is being done with them."""

_MOST_UNSAVED = 10_000
_CHROMAS = 1000
"""Writes between two saves of the index: while much is written a tenth of it, else Chroma would write all of it after
every thousandth record."""


class Source(Protocol):
    """Where collections come from."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def pages(self, collection: Collection) -> AsyncIterator[Records]:
        """A collection's records, a page at a time."""


@dataclass
class Brought:
    """What became of a collection's records."""

    target: Collection
    written: int = 0
    """New ones."""
    replaced: int = 0
    """That were there and differed."""
    kept: int = 0
    """That were there and equal."""
    deleted: int = 0
    """That were there and the source does not have."""


async def bring(
    source: Source, collection: Collection, server: Server, wanted: Collection, tell: Tell, *, mirror: bool
) -> Brought:
    """Brings a collection into a server.

    Args:
        source: where it is.
        collection: it, as it is there.
        server: where it goes.
        wanted: it, as it is to be there.
        tell: hears of every page.
        mirror: whether what the source does not have is deleted.

    Raises:
        Problem: a record is refused, or the collection that is there is of another kind.
    """
    pages = _ahead(source.pages(collection))
    page = await anext(pages, None)  # of a source that cannot be read nothing is begun
    target = await prepare(server, wanted)
    brought = Brought(target)
    empty = await server.count(target) == 0
    seen = [short(())]
    while page is not None:
        seen.append(short(page.ids))
        if empty:
            await server.put(target, page)
            brought.written += len(page)
        else:
            await _refresh(server, target, page, brought)
        tell(len(page), f"{wanted.title}: writing")
        page = await anext(pages, None)
    if mirror:
        brought.deleted = await _delete_others(server, target, np.concatenate(seen))
    await _restore_threshold(server, target, wanted)
    return brought


async def _delete_others(server: Server, target: Collection, seen: NDArray[np.uint64]) -> int:
    others: list[str] = []
    async for ids in server.ids(target):
        others += [ids[at] for at in np.flatnonzero(~np.isin(short(ids), seen))]
    await server.remove(target, others)
    return len(others)


async def _refresh(server: Server, target: Collection, page: Records, brought: Brought) -> None:
    found = await server.get(target, page.ids)
    at = {id_: position for position, id_ in enumerate(found.ids)}
    there = [position for position, id_ in enumerate(page.ids) if id_ in at]
    comparison = as_engine(target)
    equal = comparison.alike(page.take(there), found.take([at[page.ids[each]] for each in there])) if there else []
    kept = {position for position, same in zip(there, equal, strict=True) if same}
    changed = [position for position in there if position not in kept]
    if changed:
        await server.remove(target, [page.ids[each] for each in changed])
    missing = [position for position in range(len(page)) if position not in kept]
    if missing:
        await server.put(target, page.take(missing))
    brought.kept += len(kept)
    brought.replaced += len(changed)
    brought.written += len(missing) - len(changed)


async def prepare(server: Server, wanted: Collection) -> Collection:
    """A collection of that name, made where there is none.

    Raises:
        Problem: there is one of another space or dimension, or nobody says the space of a new one.
    """
    await server.ensure_database(wanted.database)
    found = await server.find(wanted.database, wanted.name)
    if found is None:
        return await _create(server, wanted)
    if wanted.space and found.space != wanted.space:
        raise Problem(
            f"{server.name}: {wanted.title}: it is there with the space {found.space}, and the source's is "
            f"{wanted.space}; choose another name: --as NAME"
        )
    if wanted.dimension and found.dimension and found.dimension != wanted.dimension:
        raise Problem(
            f"{server.name}: {wanted.title}: it is there with vectors of {found.dimension} numbers, and the source's "
            f"have {wanted.dimension}; choose another name: --as NAME"
        )
    return found


async def _create(server: Server, wanted: Collection) -> Collection:
    if not wanted.space:
        raise Problem(
            f"{wanted.title}: the file does not say how distances are measured; say it: --space cosine, l2 or ip"
        )
    threshold = max(_CHROMAS, min(_MOST_UNSAVED, wanted.count // 10))
    function = {"embedding_function": wanted.function} if wanted.function else {}
    index = wanted.index | {"sync_threshold": threshold}
    made = await server.create(wanted, configuration={"hnsw": index} | function)
    if chosen(wanted) not in (None, chosen(made)):
        await server.drop(made)
        made = await server.create(wanted, schema=paced(wanted.schema, threshold))
    return made


async def _restore_threshold(server: Server, target: Collection, wanted: Collection) -> None:
    """Gives the index its own pace of saving back, where it was made with another for the time of the import."""
    own = ((wanted.configuration or {}).get("hnsw") or {}).get("sync_threshold") or _CHROMAS
    now = await server.find(target.database, target.name)
    if now and ((now.configuration or {}).get("hnsw") or {}).get("sync_threshold") != own:
        try:
            await server.configure(target, {"sync_threshold": own})
        except Refused:  # it saves less often then, and answers the same
            return


async def _ahead(pages: AsyncIterator[Records]) -> AsyncIterator[Records]:
    """The same pages, the next of which is read while one is written."""
    following = asyncio.ensure_future(anext(pages, None))
    try:
        while (page := await following) is not None:
            following = asyncio.ensure_future(anext(pages, None))
            yield page
    finally:
        following.cancel()
