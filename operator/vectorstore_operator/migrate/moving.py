"""All collections that are asked for: which they are, what they are called there, whether they fit; in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.bring import Brought, Source, bring
from vectorstore_operator.migrate.chroma.server import Server, with_counts
from vectorstore_operator.migrate.comparison import as_engine
from vectorstore_operator.migrate.dump import dump
from vectorstore_operator.migrate.proof import Proof, prove
from vectorstore_operator.migrate.records import Collection

Progress = Callable[[int, int, str], None]
"""Told of records done, of how many, and what is being done."""
_READINGS = 2
"""A record goes by as it is written, and as it is verified."""


class Origin(Source, Protocol):
    """A source that knows its collections."""

    async def collections(self) -> list[Collection]:
        """All there are."""


@dataclass(frozen=True)
class Choice:
    """Which collections, and how they are called where they go."""

    names: Sequence[str] = ()
    """None are all."""
    databases: Sequence[str] = ()
    to_database: str | None = None
    as_name: str | None = None
    space: str | None = None
    """Of those that do not say theirs."""
    mirror: bool = False
    """Whether records that the source does not have are deleted where it goes."""

    def among(self, found: Sequence[Collection], where: str) -> list[Collection]:
        """Those that are meant.

        Raises:
            Problem: one is not there, or there is none.
        """
        chosen = [each for each in found if not self.databases or each.database in self.databases]
        for kind, asked, there in (
            ("--database", self.databases, {each.database for each in found}),
            ("--collection", self.names, {each.name for each in chosen}),
        ):
            if missing := [name for name in asked if name not in there]:
                raise Problem(f"{kind}: {where} has no {missing[0]!r}; there are: {', '.join(sorted(there)) or 'none'}")
        chosen = [each for each in chosen if not self.names or each.name in self.names]
        if not chosen:
            raise Problem(f"{where}: there is no collection in it")
        if self.as_name and len(chosen) > 1:
            raise Problem(
                f"--as: {self.as_name}: it names one collection, and {len(chosen)} are meant: --collection NAME"
            )
        self._apart(chosen)
        return chosen

    def there(self, collection: Collection) -> Collection:
        """How one is to be where it goes."""
        named = replace(
            collection, name=self.as_name or collection.name, database=self.to_database or collection.database
        )
        if self.space and not named.space:
            return replace(named, configuration={"hnsw": {"space": self.space}})
        return named

    def _apart(self, chosen: Sequence[Collection]) -> None:
        titles = [self.there(each).title for each in chosen]
        if twice := [title for title in titles if titles.count(title) > 1]:
            raise Problem(
                f"{twice[0]}: two collections would have that name in one database; "
                "move one database after the other: --database NAME --to-database OTHER"
            )


@dataclass
class Moved:
    """What became of one collection."""

    proof: Proof
    written: int = 0
    replaced: int = 0
    kept: int = 0
    deleted: int = 0


@dataclass
class _Steps:
    """Records that went by, of all collections together."""

    of: int
    progress: Progress
    done: int = field(default=0)

    def tell(self, records: int, what: str) -> None:
        self.done += records
        self.progress(self.done, self.of, what)


async def into_server(origin: Origin, server: Server, choice: Choice, progress: Progress) -> list[Moved]:
    """Brings collections into a server, and proves each.

    Raises:
        Problem: they do not fit, or a record is refused.
    """
    found = choice.among(await origin.collections(), origin.name)
    engine = origin if isinstance(origin, Server) else None
    chosen = await with_counts(engine, found) if engine else found
    await _fits(server, [choice.there(each) for each in chosen])
    steps = _Steps(_READINGS * sum(each.count for each in chosen), progress)
    moved = []
    for each in chosen:
        brought = await bring(origin, each, server, choice.there(each), steps.tell, mirror=choice.mirror)
        there = await server.find(brought.target.database, brought.target.name) or brought.target
        proof = await prove(origin, each, server, there, steps.tell, engine=engine, comparison=as_engine(there))
        moved.append(_moved(proof, brought))
    return moved


async def into_folder(server: Server, made: Server, choice: Choice, progress: Progress) -> list[Moved]:
    """Brings a server's collections, and nothing else, into a folder of Chroma's that may have been begun before.

    Raises:
        Problem: they cannot be read.
    """
    moved = await into_server(server, made, replace(choice, mirror=True), progress)
    titles = {each.proof.collection for each in moved}
    for each in await made.collections():
        if each.title not in titles:
            await made.drop(each)
    return moved


def _moved(proof: Proof, brought: Brought) -> Moved:
    return Moved(proof, brought.written, brought.replaced, brought.kept, brought.deleted)


async def _fits(server: Server, wanted: Sequence[Collection]) -> None:
    """Refuses what would end at the quota, before anything is written."""
    told = await server.limits()
    if not told:
        return
    room, needed = told["limit"] - told["documents"], 0
    for each in wanted:
        found = await server.find(each.database, each.name)
        needed += max(0, each.count - (await server.count(found) if found else 0))
    if needed > room:
        raise Problem(
            f"{server.name}: its quota is {told['limit']} documents, of which it has {told['documents']}, and "
            f"{needed} more are to come; raise spec.quota.documents to {told['documents'] + needed}, or choose some: "
            "--collection NAME"
        )


async def into_files(server: Server, folder: Path, suffix: str, choice: Choice, progress: Progress) -> list[Moved]:
    """Writes a server's collections into files, and proves each.

    Raises:
        Problem: they cannot be read.
    """
    chosen = await with_counts(server, choice.among(await server.collections(), server.name))
    steps = _Steps(_READINGS * sum(each.count for each in chosen), progress)
    moved = []
    for each in chosen:
        proof = await dump(server, each, folder, suffix, steps.tell)
        moved.append(Moved(proof, written=proof.records))
    return moved
