"""From a server into files: a collection's records are written, read again, compared, and then get their name."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from vectorstore_operator.migrate.bring import Tell
from vectorstore_operator.migrate.chroma.server import Server
from vectorstore_operator.migrate.comparison import Comparison
from vectorstore_operator.migrate.files import tree
from vectorstore_operator.migrate.proof import Proof, prove
from vectorstore_operator.migrate.records import Collection


async def dump(server: Server, collection: Collection, folder: Path, suffix: str, tell: Tell) -> Proof:
    """Writes a collection into a file.

    Args:
        server: where it is.
        collection: it, counted.
        folder: for a folder for its database.
        suffix: of the kind of file.
        tell: hears of every page.

    Raises:
        Problem: it cannot be read.
    """
    file = tree.File(Path())
    if collection.count:
        pages = tree.in_thread(
            asyncio.get_running_loop(),
            server.pages(collection),
            lambda records: tell(records, f"{collection.title}: writing"),
        )
        file = tree.File(await asyncio.to_thread(tree.write, folder, suffix, collection, pages), suffix)
    proof = await prove(file, collection, server, collection, tell, engine=None, comparison=Comparison())
    if proof.ok:
        sums = (proof.contents[0], proof.vectors[0])
        whole = replace(collection, count=proof.records, checksums=sums)
        await asyncio.to_thread(tree.settle, folder, suffix, whole)
    return proof
