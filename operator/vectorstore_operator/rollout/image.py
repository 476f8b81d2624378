"""Which image a store's pods should run: by its owner's word, by its plan's, else the one they have. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from vectorstore_operator.plan import Plan
from vectorstore_operator.refusal import Refusal


def version_of(image: str) -> str:
    """What an image's reference calls it: its tag, else its digest, else `latest`.

    https://github.com/distribution/reference/blob/main/reference.go
    """
    name, _, digest = image.partition("@")
    return _split(name)[1] or digest or "latest"


def wanted_image(version: str | None, plan: Plan, release: str, has: Sequence[str]) -> str | Refusal:
    """The image aimed at, or why there is none.

    Args:
        version: what the store's spec asks for.
        plan: its plan, as it is.
        release: the operator's own.
        has: the one in force, and the one that a move to it left; none for a new store.
    """
    if version is None:
        automatic = plan.spec.rollout.versions == "Automatic"
        return release if automatic or not has else has[0]
    for image in (*has, release):  # what runs stays, though the release came to be had elsewhere
        if version_of(image) == version:
            return image
    if version in (plan.spec.versions or ()):
        return f"{_split(release.partition('@')[0])[0]}{'@' if ':' in version else ':'}{version}"
    known = dict.fromkeys((*map(version_of, (*has, release)), *(plan.spec.versions or ())))
    return Refusal(
        "VersionNotAllowed",
        f"spec.version: {version!r} is neither what runs, nor the operator's release, nor among the versions of plan "
        f"{plan.name}; take one of {', '.join(known)}, or have the plan list it",
    )


def _split(name: str) -> tuple[str, str]:
    """Repository and tag; a colon before the last slash is that of a port."""
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "")
