"""The Jobs that make, prove and delete backups, as far as everything for them is there: the place and the keys to it.

Which objects they touch follows from the backup's own namespace and name alone, never from what its status says:
who may write that must not reach another's by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from vectorstore_instance.backup.job import Job
from vectorstore_operator.backups import places
from vectorstore_operator.backups.jobs.job import MEMORY, Order, Purpose
from vectorstore_operator.backups.jobs.leader import job_url
from vectorstore_operator.backups.known import Backup
from vectorstore_operator.backups.places import Place
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.objects import Object
from vectorstore_operator.quantity import GI, MI
from vectorstore_operator.refusal import Refusal

SCRATCH = Path("/tmp")  # noqa: S108 (a volume of the Job's own)
MOST_MEMORY = 16 * GI
"""Of a Job that proves a backup, however large that says it is."""


def verifies(backup: Backup, store: Object | None, plan: Object | None) -> bool:
    """Whether a backup is to be proven: as it says itself, or its store, or its plan."""
    stated = ((obj or {}).get("spec", {}).get("backup") or {} for obj in (store, plan))
    said = (backup.verify, *(one.get("verify") for one in stated))
    return next((one for one in said if one is not None), True)


async def order(tools: Tools, backup: Backup, place: Place, uid: str, purpose: Purpose) -> Order | Refusal:
    """The Job that makes or proves a backup.

    Args:
        tools: what is worked with.
        backup: which.
        place: where it is, or is to be.
        uid: of its store.
        purpose: what the Job is for.
    """
    if purpose.verb == "verify":
        found = await _order(tools, place, [backup], uid, purpose, scratch=SCRATCH)
        if isinstance(found, Refusal):
            return found
        # The engine that opens it keeps its index in memory, and writes while it does.
        unpacked = backup.bytes or 0
        scratch = unpacked + unpacked // 4 + 256 * MI
        return replace(found, scratch=scratch, memory=min(MEMORY + unpacked, MOST_MEMORY))
    store = tools.cache.store(backup.of)
    if store is None:
        return Refusal("NoStore", f"VectorStore {backup.store} is gone")
    url, encrypt = job_url(backup.of), place.encrypt
    found = await _order(tools, place, [backup], uid, purpose, run=backup.uid, url=url, encrypt=encrypt)
    if isinstance(found, Refusal):
        return found
    return replace(found, secrets={**found.secrets, "token": tools.token(store)})


async def removal(tools: Tools, backups: Sequence[Backup], purpose: Purpose) -> Order | Refusal:
    """The Job that deletes the archives of backups of one store that are in one place."""
    first = backups[0]
    place = places.place_of(first, tools.cache.plan)
    if isinstance(place, Refusal):
        return place
    return await _order(tools, place, backups, first.store_uid or "", purpose)


async def _order(
    tools: Tools, place: Place, backups: Sequence[Backup], uid: str, purpose: Purpose, **more: object
) -> Order | Refusal:
    key, settings = backups[0].key, tools.settings
    found = await places.secrets(tools.cluster, place, settings.namespace, key.namespace)
    if isinstance(found, Refusal):
        return found
    store = {"cluster": settings.cluster_name, "namespace": key.namespace, "uid": uid, "name": backups[0].store}
    stated = {
        "verb": purpose.verb,
        "store": store,
        "names": tuple(backup.key.name for backup in backups),
        "destination": places.job_destination(place),
    }
    try:
        return Order(purpose, Job.model_validate(stated | more), found, claim=place.claim)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        return Refusal("Invalid", f"{where}: {wrong['msg']}, not {str(wrong['input'])!r:.100}")
