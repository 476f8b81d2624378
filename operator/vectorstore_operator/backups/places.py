"""Where a backup is, in the words of the Jobs that go there, and the keys to that place.

The platform's keys are in the operator's namespace, a tenant's own in its store's. A status is believed as little as
possible: it names a plan, and what that plan is or allows now counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pydantic import ValidationError

from vectorstore_instance.backup import job
from vectorstore_operator.api.backup import PlanBackup
from vectorstore_operator.api.destination import Bucket, ClaimPlace, OwnDestination
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.kinds import SECRET
from vectorstore_operator.keys.secretdata import decoded
from vectorstore_operator.objects import Object
from vectorstore_operator.plan.backup import Place, own_place, place_by, place_for
from vectorstore_operator.refusal import Refusal

__all__ = [
    "Place",
    "job_destination",
    "own_place",
    "place_by",
    "place_for",
    "place_of",
    "secret_of",
    "secrets",
    "shown",
]

ACCESS = ("access-key-id", "secret-access-key")
ENTRIES = (*ACCESS, "session-token", "ca.crt", "sse-c-key", "encryption-key")
"""Of a destination's Secret, all that a Job is given."""


class Kept(Protocol):
    """A backup, as far as it tells where it is."""

    @property
    def plan(self) -> str | None:
        """The plan it was made by."""

    @property
    def own(self) -> OwnDestination | None:
        """The store's own destination that has it."""


def place_of(backup: Kept, plans: Callable[[str], Object | None]) -> Place | Refusal:
    """Where a backup is, or why it cannot be reached.

    Args:
        backup: which has been begun at least.
        plans: plans as they are, by their names.
    """
    if backup.plan is None:
        return Refusal("NoDestination", "status.plan: left out, so it is not known where the backup is")
    plan = plans(backup.plan)
    if plan is None:
        return Refusal(
            "PlanNotFound",
            f"status.plan: VectorStorePlan {backup.plan!r}, by which the backup was made, is gone; make it again, with "
            "the backup.destination and backup.endpoints that it had",
        )
    try:
        stated = (plan.get("spec") or {}).get("backup")
        given = PlanBackup.model_validate(stated) if stated else None
    except ValidationError:
        return Refusal("PlanInvalid", f"plan {backup.plan}: spec.backup cannot be; see its Accepted")
    return place_by(backup.own, backup.plan, given)


def job_destination(place: Place) -> job.Destination:
    """The place as a Job is told."""
    stated = _stated(place)
    if isinstance(stated, ClaimPlace):
        return job.Destination(folder=job.Folder(prefix=stated.prefix or ""))
    return job.Destination(s3=job.S3(**stated.model_dump(exclude_none=True)))


def shown(place: Place) -> str:
    """The place for people: `s3://bucket/prefix`, `claim:name/prefix`."""
    stated = _stated(place)
    root = f"claim:{stated.name}" if isinstance(stated, ClaimPlace) else f"s3://{stated.bucket}"
    return f"{root}/{stated.prefix}" if stated.prefix else root


def secret_of(place: Place, operator_namespace: str, store_namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Secret with the keys; None where the nodes' role is enough.

    Args:
        place: where the backup is.
        operator_namespace: has those of the plans' places.
        store_namespace: has those of its stores' own: the backup's namespace.
    """
    if place.own:
        return store_namespace, place.own.secret_name
    name = place.destination.secret_name
    return (operator_namespace, name) if name else None


async def secrets(
    cluster: Cluster, place: Place, operator_namespace: str, store_namespace: str
) -> dict[str, str] | Refusal:
    """What a Job needs to get there, by the names of files, as it is now; or what is missing.

    Args:
        cluster: is asked for the Secret.
        place: where the backup is.
        operator_namespace: has the Secrets of the plans' places.
        store_namespace: has those of its stores' own: the backup's namespace.

    Raises:
        ClusterError: it could not be asked.
    """
    where = secret_of(place, operator_namespace, store_namespace)
    if where is None:
        return {}
    namespace, name = where
    live = await cluster.get(SECRET, namespace, name)
    field = "spec.backup.destination.secretName" if place.own else f"plan {place.plan}: backup.destination.secretName"
    if live is None:
        return Refusal("SecretMissing", f"{field}: there is no Secret {name!r} in namespace {namespace}; make it")
    found = {entry: text for entry in ENTRIES if (text := decoded(live, entry).strip())}
    if missing := [entry for entry in _needed(place, found) if entry not in found]:
        return Refusal(
            "SecretMissing",
            f"{field}: Secret {name!r} in namespace {namespace} has no entry {' and none '.join(missing)}, or an empty "
            "one; add it",
        )
    return found


def _needed(place: Place, found: dict[str, str]) -> list[str]:
    # Without them a Job takes the nodes' role, which is the platform's: no tenant's bucket is reached by that.
    access = place.own is not None or any(entry in found for entry in ACCESS)
    s3 = place.destination.s3
    needed = list(ACCESS) if access else []
    if s3 and s3.sse == "sse-c":
        needed.append("sse-c-key")
    return [*needed, "encryption-key"] if place.encrypt else needed


def _stated(place: Place) -> Bucket | ClaimPlace:
    found = place.destination.s3 or getattr(place.destination, "claim", None)
    assert isinstance(found, Bucket | ClaimPlace)  # noqa: S101 - the models see to it
    return found
