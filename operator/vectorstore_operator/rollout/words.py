"""What is told of a store's edition: the condition `UpdateAvailable`, in a stable reason and a message for people."""

from __future__ import annotations

from vectorstore_operator.conditions import Told, told
from vectorstore_operator.objects import Object
from vectorstore_operator.observe.rolled import UPDATE_AVAILABLE
from vectorstore_operator.rollout.edition import Edition
from vectorstore_operator.rollout.image import version_of
from vectorstore_operator.rollout.turns import Held

MOVING = "Moving"
CHECKPOINTING = "Checkpointing"


def up_to_date(store: Object, edition: Edition, release: str) -> Told:
    """There is nothing newer, or it is the owner's to ask for."""
    meta, runs, newest = store["metadata"], version_of(edition.image), version_of(release)
    if runs == newest:
        return told(UPDATE_AVAILABLE, False, "UpToDate", f"version {runs}, and plan {edition.plan} as it is")
    return told(
        UPDATE_AVAILABLE,
        True,
        "NewVersion",
        f"version {runs} runs, and the operator's release is {newest}; set spec.version: {newest}, or: "
        f"kubectl vectorstore upgrade {meta['name']} -n {meta['namespace']}",
    )


def moving(edition: Edition, left: Edition) -> Told:
    """New pods are to prove themselves."""
    return told(UPDATE_AVAILABLE, True, MOVING, f"{_change(left, edition)}: the new pods are to answer first")


def asleep(edition: Edition, left: Edition) -> Told:
    """They will when there are any."""
    return told(UPDATE_AVAILABLE, True, "Hibernated", f"{_change(left, edition)} when the store wakes")


def checkpointing(edition: Edition, left: Edition) -> Told:
    """The data is made quick to recover first."""
    return told(UPDATE_AVAILABLE, True, CHECKPOINTING, f"{_change(left, edition)}: a checkpoint is taken first")


def checkpoint_failed(edition: Edition, left: Edition, why: str) -> Told:
    """It could not be, so everything stays."""
    message = f"{_change(left, edition)}: no checkpoint could be taken before it: {why}; tried again by itself"
    return told(UPDATE_AVAILABLE, True, "CheckpointFailed", message)


def rolled_back(edition: Edition, has: Edition, why: str) -> Told:
    """The newest edition was left again."""
    remedy = f"mend plan {edition.plan}, which is then tried again"
    if edition.image != has.image:
        remedy = f"it runs version {version_of(has.image)} again; set spec.version to that or to another"
    return told(
        UPDATE_AVAILABLE, True, "RolledBack", f"{_change(has, edition)} failed, and was taken back: {why}; {remedy}"
    )


def restoring(edition: Edition, left: Edition) -> Told:
    """The pods stay until what they hold is in its place."""
    return told(UPDATE_AVAILABLE, True, "WaitsForRestore", f"{_change(left, edition)} when the store is restored")


def held_back(held: Held) -> Told:
    """It is not the store's turn."""
    return told(UPDATE_AVAILABLE, True, held.reason, held.message)


def _change(left: Edition, edition: Edition) -> str:
    if left.image == edition.image:
        return f"the change of plan {edition.plan}"
    old, new = version_of(left.image), version_of(edition.image)
    return f"version {old} to {new}" if old != new else f"image {left.image} to {edition.image}"
