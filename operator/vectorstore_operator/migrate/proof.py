"""Both sides read again and compared: every record, their checksums, and what sample queries find.

One side is read from its beginning to its end, and the other, a server, is asked for the same ids. With equal counts
that leaves no record unaccounted for on either side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vectorstore_operator.migrate.bring import Source, Tell
from vectorstore_operator.migrate.chroma.server import FARTHEST, Server
from vectorstore_operator.migrate.comparison import SCALED, Comparison
from vectorstore_operator.migrate.records import DEFAULTS, Checksum, Collection, Records, Vectors
from vectorstore_operator.migrate.schema import chosen

SAMPLES = 8
_NEAREST = 10
_CLOSE = 0.05
"""So far the sums of distances may be apart: two graphs of the same vectors do not find quite the same."""
_ALIKE = 0.75
"""Of sample queries at least; another index, or another space, has next to none."""
_NAMED = 5
"""Ids that a message names."""


@dataclass
class Proof:
    """What was seen of one collection."""

    collection: str
    records: int = 0
    """Of the side that was read."""
    there: int = 0
    """Of the server's."""
    missing: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    contents: tuple[str, str] = ("", "")
    """Checksums of ids, documents, metadata and URIs."""
    vectors: tuple[str, str] = ("", "")
    """Checksums of ids and vectors, bit for bit."""
    comparison: Comparison = field(default_factory=Comparison)
    """What the sides are held to, and how far off they were within that."""
    sampled: int = 0
    found: int = 0
    """Sample queries, and those that found as near records on both sides."""
    settings: list[str] = field(default_factory=list)
    """Of the collection, that differ."""

    @property
    def wrong(self) -> list[str]:
        """What does not agree, in words."""
        extra = self.there - self.records + len(self.missing)
        told = [
            (self.missing, f"{_some(self.missing)} missing"),
            (self.different, f"{_some(self.different)} different"),
            (
                extra > 0,
                f"{extra} records that the source does not have; to delete them: --mirror",
            ),
            (
                self.found < _ALIKE * self.sampled,
                f"{self.sampled - self.found} of {self.sampled} sample queries differ",
            ),
            *((True, each) for each in self.settings),
        ]
        return [words for holds, words in told if holds]

    @property
    def ok(self) -> bool:
        """Whether both sides are the same."""
        return not self.wrong


def _some(ids: list[str]) -> str:
    named = ", ".join(map(repr, ids[:_NAMED]))
    return f"{len(ids)} records ({named}{', ...' if len(ids) > _NAMED else ''})"


async def prove(
    source: Source,
    collection: Collection,
    server: Server,
    there: Collection,
    tell: Tell,
    *,
    engine: Server | None,
    comparison: Comparison,
) -> Proof:
    """Compares a collection on both sides.

    Args:
        source: the side that is read.
        collection: it, there.
        server: the side that is asked.
        there: it, at the server.
        tell: hears of every page.
        engine: the source as a server, where it is one, for sample queries; else they are answered by arithmetic.
        comparison: what both are held to.
    """
    proof = Proof(there.title, comparison=comparison, there=await server.count(there))
    sums = [Checksum() for _ in range(4)]
    nearest: Nearest | None = None
    async for page in source.pages(collection):
        found = await server.get(there, page.ids)
        _compare(page, found, proof, sums)
        nearest = nearest or Nearest(_samples(page), there.space)
        if engine is None:
            nearest.add(page.vectors)
        tell(len(page), f"{there.title}: verifying")
    proof.contents, proof.vectors = (str(sums[0]), str(sums[1])), (str(sums[2]), str(sums[3]))
    if nearest is not None and not proof.missing:
        await _sample(proof, nearest, collection, server, there, engine)
    proof.settings = _settings(collection, there)
    noted = collection.checksums
    if noted and noted != (proof.contents[0], proof.vectors[0]):
        proof.settings.append("the file's checksums are not those of its export: it was changed since; export again")
    return proof


def _compare(page: Records, found: Records, proof: Proof, sums: list[Checksum]) -> None:
    at = {id_: position for position, id_ in enumerate(found.ids)}
    common = [position for position, id_ in enumerate(page.ids) if id_ in at]
    proof.records += len(page)
    proof.missing += [id_ for id_ in page.ids if id_ not in at]
    if common:
        ours, theirs = page.take(common), found.take([at[page.ids[each]] for each in common])
        same = proof.comparison.alike(ours, theirs)
        proof.different += [id_ for id_, equal in zip(ours.ids, same, strict=True) if not equal]
    for sum_, digests in zip(sums, (page.contents(), found.contents(), page.bits(), found.bits()), strict=True):
        sum_.add(digests)


def _samples(page: Records) -> Vectors:
    """Some vectors of a page, evenly over it."""
    chosen = np.linspace(0, len(page) - 1, min(SAMPLES, len(page))).astype(int)
    samples: Vectors = page.vectors[np.unique(chosen)]
    return samples


class Nearest:
    """The least distances from some vectors to all that went by, by arithmetic."""

    def __init__(self, asked: Vectors, space: str) -> None:
        self.asked = asked
        self._space = space
        self._least = np.empty((len(asked), 0))

    def add(self, vectors: Vectors) -> None:
        """Takes vectors in."""
        asked, others = self.asked.astype(np.float64), vectors.astype(np.float64)
        if self._space == "l2":
            products = asked @ others.T
            distances = (asked**2).sum(1)[:, None] - 2 * products + (others**2).sum(1)
        else:
            if self._space == "cosine":
                asked, others = (
                    each / np.maximum(np.linalg.norm(each, axis=1), 1e-30)[:, None] for each in (asked, others)
                )
            distances = 1 - asked @ others.T
        self._least = np.sort(np.hstack([self._least, distances]), axis=1)[:, :_NEAREST]

    def distances(self) -> list[list[float]]:
        """For each vector, the least first."""
        told: list[list[float]] = np.minimum(self._least, FARTHEST).tolist()
        return told


async def _sample(
    proof: Proof, nearest: Nearest, collection: Collection, server: Server, there: Collection, engine: Server | None
) -> None:
    theirs = await server.nearest(there, nearest.asked, _NEAREST)
    ours = nearest.distances() if engine is None else await engine.nearest(collection, nearest.asked, _NEAREST)
    for one, other in zip(ours, theirs, strict=True):
        if FARTHEST in one:  # float32 has no number for a distance: no engine orders such
            continue
        spread = max(sum(map(abs, one)), sum(map(abs, other)))
        proof.sampled += 1
        proof.found += len(one) == len(other) and abs(sum(one) - sum(other)) <= _CLOSE * spread + SCALED


def _settings(collection: Collection, there: Collection) -> list[str]:
    """What of a collection itself differs; what the source does not know can not."""
    pairs: list[tuple[str, Any, Any]] = []
    if collection.configuration is not None:
        pairs.append(("metadata", collection.metadata or None, there.metadata or None))
        pairs.append(("index", DEFAULTS | collection.index, DEFAULTS | there.index))
        pairs.append(("embedding function", collection.function, there.function))
    if (own := chosen(collection)) is not None:
        pairs.append(("schema", own, chosen(there)))
    return [f"{name}: {one} in the source, {other} in the target" for name, one, other in pairs if one != other]
