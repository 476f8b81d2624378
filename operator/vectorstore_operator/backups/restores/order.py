"""The Job that restores a store, as far as everything for it is there: the backup, its place and the keys to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from vectorstore_instance.backup.job import Job
from vectorstore_operator.backups import places
from vectorstore_operator.backups.jobs.job import Order, Purpose
from vectorstore_operator.backups.jobs.leader import job_url
from vectorstore_operator.backups.known import Backup, Item
from vectorstore_operator.backups.places import Place
from vectorstore_operator.backups.restores.hindrances import gone, not_accepted, of_contents, of_store, sought
from vectorstore_operator.backups.restores.step import Ask, Hindrance, run
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.kinds import BACKUP
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved, accept
from vectorstore_operator.refusal import Refusal

PATIENCE = 600
"""Seconds for which a Job waits for an instance or a destination that does not answer, at each step."""
HOURS = 12.0
"""Which a Job may take."""


def purpose_of(key: Key, store: Object, request: str | None, attempt: int) -> Purpose:
    """What the Job is for: no other restore of any store has a Job of its name."""
    return Purpose(Item("store", *key), run(store, request), "restore", attempt)


async def order_of(tools: Tools, key: Key, store: Object, ask: Ask, attempt: int) -> Order | Hindrance:
    """The Job, or what it waits for.

    Args:
        tools: what is worked with.
        key: the store's.
        store: the VectorStore.
        ask: what is to be restored.
        attempt: which try it is.

    Raises:
        ClusterError: the API server could not be asked.
    """
    wanted = accept.store(store, tools.cache.plans(), tools.cache.children(key))
    if isinstance(wanted, Refusal):
        return not_accepted(wanted)
    if why := of_store(store, wanted):
        return why
    found = (
        await _archive(tools, key, ask, wanted) if ask.source.object else await _backup(tools, key, store, ask, wanted)
    )
    if isinstance(found, Hindrance):
        return found
    purpose = purpose_of(key, store, ask.request, attempt)
    try:
        job = Job.model_validate(
            {
                "verb": purpose.verb,
                "store": found.store,
                "names": found.names,
                "object": found.object,
                "run": purpose.uid,
                "url": job_url(key),
                "replace": ask.in_place,
                "destination": places.job_destination(found.place),
                "patience_seconds": PATIENCE,
            }
        )
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        return Hindrance("Invalid", f"{ask.field}: {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}", final=True)
    secrets = {**found.secrets, "token": tools.token(store)}
    return Order(purpose, job, secrets, claim=found.place.claim, hours=HOURS)


@dataclass(frozen=True)
class _Found:
    """An archive, and the way to it."""

    place: Place
    secrets: Mapping[str, str] = field(repr=False)
    store: Mapping[str, str] | None = None
    names: tuple[str, ...] = ()
    object: str | None = None


async def _backup(tools: Tools, key: Key, store: Object, ask: Ask, wanted: Resolved) -> _Found | Hindrance:
    """A backup's. Where it is follows from its own namespace and name, whatever its status says of an object."""
    backup = sought(ask, key.namespace, tools.shelf)
    if isinstance(backup, Hindrance):
        return backup
    live = await tools.cluster.get(BACKUP, *backup.key)
    if live is None or live["metadata"]["uid"] != backup.uid:
        return gone(ask, key.namespace)
    if why := of_contents(ask, store, wanted, live.get("status") or {}):
        return why
    place = places.place_of(backup, tools.cache.plan)
    if isinstance(place, Refusal):
        return _unreached(place, backup, key)
    namespace = backup.key.namespace
    secrets = await places.secrets(tools.cluster, place, tools.settings.namespace, namespace)
    if isinstance(secrets, Refusal):
        return _unreached(secrets, backup, key)
    whose = {"cluster": tools.settings.cluster_name, "namespace": namespace, "name": backup.store}
    return _Found(place, secrets, whose | {"uid": backup.store_uid or ""}, (backup.key.name,))


def _unreached(why: Refusal, backup: Backup, key: Key) -> Hindrance:
    """Why the place of a backup is not reached; another namespace's Secrets and buckets are not named here."""
    if backup.key.namespace == key.namespace:
        return Hindrance(why.reason, why.message)
    where = f"namespace {backup.key.namespace}"
    return Hindrance(why.reason, f"the place of the backup in {where} is not reached; have it looked at there")


async def _archive(tools: Tools, key: Key, ask: Ask, wanted: Resolved) -> _Found | Hindrance:
    """One in a bucket that a Secret of the store's own namespace opens."""
    raw = ask.source.object
    assert raw is not None  # noqa: S101 - for whoever asks
    place = places.own_place(raw.destination, wanted.plan.name, wanted.plan.spec)
    if isinstance(place, Refusal):
        return Hindrance(place.reason, f"{ask.field}.{place.message}")
    secrets = await places.secrets(tools.cluster, place, tools.settings.namespace, key.namespace)
    if isinstance(secrets, Refusal):
        _, _, what = secrets.message.partition(": ")
        return Hindrance(secrets.reason, f"{ask.field}.object.destination.secretName: {what}")
    return _Found(place, secrets, object=raw.path)
