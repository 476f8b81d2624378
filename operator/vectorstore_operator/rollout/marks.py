"""What is kept on a store's children of its editions: whatever ends an operator, the next one goes on from there.

Written in the same apply as the pod template they speak of, on the StatefulSet; a copy is on the ConfigMap with
the limits, for where the StatefulSet is made anew around its pods, or somebody deleted it or wrote over its marks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from vectorstore_operator import names, times
from vectorstore_operator.objects import Children, Object, belongs, canonical
from vectorstore_operator.rollout.edition import Edition

EDITION = "vectorstore.dev/edition"
MOVE = "vectorstore.dev/move"
FAILED = "vectorstore.dev/failed"


@dataclass(frozen=True)
class Move:
    """A store is on its way to the edition that is marked."""

    left: Edition
    """Where it goes back to if the new pods do not answer."""
    since: datetime | None
    """Since when there are pods to judge it by; None while the store is hibernated."""
    served: bool = True
    """Whether the store served when it began: of one that did not, a failure says nothing of the edition."""


@dataclass(frozen=True)
class Failed:
    """An edition was tried and left again."""

    digest: str
    why: str
    served: bool = True
    """Whether the store served before."""


@dataclass(frozen=True)
class Marks:
    """Which edition is in force, and how it fares."""

    edition: Edition
    move: Move | None = None
    failed: Failed | None = None

    def annotations(self) -> dict[str, str]:
        """As `read` takes them."""
        found = {EDITION: self.edition.written()}
        if self.move:
            since = times.time(self.move.since) if self.move.since else None
            found[MOVE] = canonical({"from": self.move.left.written(), "since": since, **_served(self.move)})
        if self.failed:
            found[FAILED] = canonical({"edition": self.failed.digest, "why": self.failed.why, **_served(self.failed)})
        return found


def read(store: Object, children: Children) -> Marks | None:
    """The marks of a store; None for one that has no pods yet, or pods from before there were marks.

    A mark that cannot be read is none: it is a later release's, or was written over by somebody.
    """
    name = store["metadata"]["name"]
    for child in (("StatefulSet", name), ("ConfigMap", names.limits(name))):
        found = borne(_own(store, children, *child))
        if edition := Edition.read(found.get(EDITION)):
            return Marks(edition, _move(found.get(MOVE)), _failed(found.get(FAILED)))
    return None


def borne(live: Object | None) -> dict[str, str]:
    """The marks of one object, as they are."""
    annotations: Object = (live or {"metadata": {}})["metadata"].get("annotations") or {}
    return {mark: annotations[mark] for mark in (EDITION, MOVE, FAILED) if mark in annotations}


def running(store: Object, children: Children) -> str | None:
    """The image of a store's pods, as its StatefulSet says; None where it has none."""
    live = _own(store, children, "StatefulSet", store["metadata"]["name"])
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"]) if live else None


def _own(store: Object, children: Children, kind: str, name: str) -> Object | None:
    meta, live = store["metadata"], children.get((kind, name))
    return live if live is not None and belongs(live, meta["name"], meta["uid"]) else None


def _served(mark: Move | Failed) -> dict[str, bool]:
    return {} if mark.served else {"served": False}


def _move(text: str | None) -> Move | None:
    try:
        found = json.loads(text or "")
        left = Edition.read(found["from"])
        since = datetime.fromisoformat(found["since"]) if found["since"] else None
    except (ValueError, KeyError, TypeError):
        return None
    return Move(left, since, found.get("served", True)) if left else None


def _failed(text: str | None) -> Failed | None:
    try:
        found = json.loads(text or "")
        return Failed(str(found["edition"]), str(found["why"]), found.get("served", True))
    except (ValueError, KeyError, TypeError):
        return None
