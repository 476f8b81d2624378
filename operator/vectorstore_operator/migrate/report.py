"""The proof that nothing changed, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vectorstore_operator.migrate.moving import Moved

HEADS = ("COLLECTION", "RECORDS", "WRITTEN", "EQUAL", "CONTENTS", "VECTORS", "QUERIES", "RESULT")
_SHORT = 8
"""Digits of a checksum in the table."""


def rows(moved: Sequence[Moved]) -> list[list[str]]:
    """A line for each collection, below its head."""
    return [list(HEADS), *(_row(each) for each in moved)]


def _row(each: Moved) -> list[str]:
    proof = each.proof
    (here, there), (bits, others) = proof.contents, proof.vectors
    return [
        proof.collection,
        f"{proof.there}/{proof.records}",
        str(each.written + each.replaced),
        str(each.kept),
        _told(here, there, proof.comparison.floats),
        _told(bits, others, proof.comparison.vectors),
        f"{proof.found}/{proof.sampled}",
        "same" if proof.ok else "DIFFERENT",
    ]


def _told(one: str, other: str, off: float) -> str:
    if one == other:
        return one[:_SHORT]
    return f"within {off:.0e}" if off else f"{one[:_SHORT]} != {other[:_SHORT]}"


def wrong(moved: Sequence[Moved]) -> list[str]:
    """What does not agree, in words."""
    return [f"{each.proof.collection}: {words}" for each in moved for words in each.proof.wrong]


def as_json(source: str, target: str, seconds: float, moved: Sequence[Moved]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "ok": all(each.proof.ok for each in moved),
        "source": source,
        "target": target,
        "seconds": round(seconds, 1),
        "collections": [_collection(each) for each in moved],
    }


def _collection(each: Moved) -> dict[str, Any]:
    proof = each.proof
    return {
        "name": proof.collection,
        "ok": proof.ok,
        "records": {"source": proof.records, "target": proof.there},
        "written": each.written,
        "replaced": each.replaced,
        "equal": each.kept,
        "deleted": each.deleted,
        "checksums": {
            "contents": dict(zip(("source", "target"), proof.contents, strict=True)),
            "vectors": dict(zip(("source", "target"), proof.vectors, strict=True)),
        },
        "largestDeviations": {"vectors": proof.comparison.vectors, "floats": proof.comparison.floats},
        "queries": {"asked": proof.sampled, "alike": proof.found},
        "wrong": proof.wrong,
    }
