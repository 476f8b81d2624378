"""Which instance a store runs, and how far it is with what its plan and the release have become since."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vectorstore_operator.api.base import Brief, Model

Version = Annotated[str, Field(pattern=r"^([A-Za-z0-9_][-A-Za-z0-9_.]*|sha256:[0-9a-f]{64})$", max_length=128)]
"""A tag of an image, or the digest of one that has none:
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests"""


class RolloutStatus(Model):
    """What of a store comes from its plan and from the release: what is in force, and what is to be.

    An edition is the plan and the image together, by a digest.
    """

    edition: Brief | None = None
    """The edition in force."""
    newest: Brief | None = None
    """The edition that the store's turn brings: the plan as it is, and the image unless the spec names one."""
    plan_edition: Brief | None = None
    """The plan alone, as it is in force."""
    newest_plan: Brief | None = None
    """The plan alone, as it is."""
    release: Brief | None = None
    """The operator's release of the instance, where the store runs another one."""
    restarts: bool | None = None
    """Whether taking the newest edition replaces pods."""
    moving: bool | None = None
    """Whether a checkpoint is taken before a move, or pods are replaced by those of an edition not proven yet."""
    failed: bool | None = None
    """Whether the newest edition was tried at its turn, and left again."""
    ailing: bool | None = None
    """Whether the store did not serve before that either: its failure says nothing of the edition, and stops nobody."""
