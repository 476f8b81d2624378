"""Archives that go: of backups whose object was deleted with `deletionPolicy: Delete`, and of those that are pruned.

What is pruned says `Deleting` in its status first, then its archive goes, then its object: so an operator that is
killed in between goes on. What somebody deletes is gone at once, as no finalizer holds up a namespace: its archive goes
if an operator is there, and stays if none is, or if the namespace goes as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from vectorstore_instance.backup.job import MOST_NAMES
from vectorstore_operator.backups.jobs.job import Purpose, Verb
from vectorstore_operator.backups.known import Backup, Item, moment
from vectorstore_operator.backups.making.order import removal
from vectorstore_operator.backups.making.phase import AGAIN, MOST, failure
from vectorstore_operator.backups.making.writing import write
from vectorstore_operator.backups.tools import Tools
from vectorstore_operator.cluster.cache import Key
from vectorstore_operator.cluster.kinds import BACKUP, NAMESPACE
from vectorstore_operator.objects import Object
from vectorstore_operator.refusal import Refusal

log = logging.getLogger(__name__)

LATER = 3600.0
"""Seconds until it is tried once more to delete what could not be: as long as Jobs that ended are kept, and more."""
SOON = 5.0
"""Seconds until it is looked whether a Job that was given up has ended."""


class Removal:
    """The archives that go, of all stores."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._gone: dict[str, Backup] = {}
        """Backups that are not there any more and whose archives are to go, by uid."""
        self._clear: set[str] = set()
        """Uids of pruned backups whose archives are gone, and whose objects go."""

    def awaits(self, key: Key) -> bool:
        """Whether the archive of a backup that had this name is still to go."""
        return any(backup.key == key for backup in self._gone.values())

    async def prune(self, backups: Sequence[Backup]) -> None:
        """Has backups of one store removed, and their archives where their policy says so."""
        for backup in backups:
            if backup.policy == "Delete" and backup.store_uid:
                if backup.phase != "Deleting":
                    await write(self._tools, backup, {"phase": "Deleting"})
            else:
                await self._delete(backup)
        for backup in backups[:1]:
            self._tools.soon(Item("store", *backup.of))

    def gone(self, backup: Backup) -> None:
        """Takes note of a backup whose object was deleted."""
        if backup.uid in self._clear:
            self._clear.discard(backup.uid)
            return
        self._gone[backup.uid] = backup
        self._tools.soon(Item("store", *backup.of))

    async def look(self, key: Key) -> float | None:
        """A look at what goes of one store. Returns in how many seconds another is wanted, or None.

        Raises:
            ClusterError: the API server did not let it come to an end; look again.
        """
        known = self._tools.shelf.of(*key)
        pruned = list[Backup]()
        for backup in known:
            if backup.uid in self._clear:
                await self._delete(backup)  # seen still, or it was not let go before
            elif backup.phase == "Deleting" and not backup.deleting:
                pruned.append(backup)
        gone = [backup for backup in list(self._gone.values()) if backup.of == key]
        waits, ready = list[float | None](), list[Backup]()
        for backup in gone:
            waits.append(wait := await self._end(backup))
            if wait is None and backup.uid in self._gone:
                ready.append(backup)
        if ready and went(await self._tools.cluster.get(NAMESPACE, None, key.namespace), ready):
            log.info("%s goes: the archives of its backups stay", key.namespace)
            self._forget(ready)
            ready = []
        groups: dict[object, list[Backup]] = {}
        for backup in (*ready, *pruned):
            own = backup.own and backup.own.model_dump_json()
            groups.setdefault((backup.store_uid, backup.plan, own), []).append(backup)
        waits += [await self._group(key, group) for group in groups.values()]
        return min((seconds for seconds in waits if seconds is not None), default=None)

    async def _end(self, backup: Backup) -> float | None:
        """Gives up what is still done for a backup that went, and forgets it where no archive is to go."""
        jobs = self._tools.jobs
        verbs: tuple[Verb, ...] = ("backup", "verify")
        for verb in verbs:
            if last := jobs.last(Purpose(backup.item, backup.uid, verb)):
                await jobs.discard(last)
        if backup.policy != "Delete" or not backup.store_uid or self._replaced(backup):
            self._forget([backup])
            return None
        return SOON if jobs.shelf.left(backup.uid) else None

    def _replaced(self, backup: Backup) -> bool:
        """Whether another backup of the name has got on: what there is by it now is that one's."""
        now = self._tools.shelf.get(backup.key)
        return now is not None and now.phase not in (None, "Pending")

    async def _group(self, key: Key, group: list[Backup]) -> float | None:
        """Has the archives of backups deleted that are in one place, or goes on with that."""
        for lead in group:
            if last := self._tools.jobs.last(self._purpose(key, lead.uid, 1)):
                return await self._follow(key, last, group)
        return await self._start(self._purpose(key, group[0].uid, 1), group[:MOST_NAMES])

    def _purpose(self, key: Key, uid: str, attempt: int) -> Purpose:
        return Purpose(Item("store", *key), uid, "delete", attempt)

    async def _follow(self, key: Key, purpose: Purpose, group: list[Backup]) -> float | None:
        """Goes on with a Job that was started, for those alone that it was started for."""
        names = self._tools.jobs.names(purpose)
        covered = [backup for backup in group if backup.key.name in names]
        state = self._tools.jobs.state(purpose)
        if state is None:
            return await self._start(purpose, covered)
        if state.ended is None:
            return None if not state.failed else LATER
        if state.result is not None and state.result.ok:
            await self._done(covered)
            return 0.0 if len(covered) < len(group) else None
        reason, message, passes = failure(state)
        if passes and purpose.attempt < MOST:
            wait = (state.ended + AGAIN[purpose.attempt - 1] - datetime.now(UTC)).total_seconds()
            return (
                wait
                if wait > 0
                else await self._start(self._purpose(key, purpose.uid, purpose.attempt + 1), group[:MOST_NAMES])
            )
        return self._failed(covered, reason, message)

    async def _start(self, purpose: Purpose, backups: list[Backup]) -> float | None:
        if not backups:
            return None
        wanted = await removal(self._tools, backups, purpose)
        if isinstance(wanted, Refusal):
            return self._failed(backups, wanted.reason, wanted.message)
        await self._tools.jobs.start(wanted)
        return None

    def _failed(self, backups: list[Backup], reason: str, message: str) -> float:
        first = backups[0].key if backups else Key("", "")
        number = f" and {len(backups) - 1} more" if len(backups) > 1 else ""
        log.warning(
            "%s/%s%s: the archive cannot be deleted, tried again in an hour: %s: %s", *first, number, reason, message
        )
        for backup in backups[:1]:
            self._tools.failed(backup.of, reason)
        return LATER

    async def _done(self, backups: list[Backup]) -> None:
        log.info("%s/%s: %d archives are deleted", backups[0].key.namespace, backups[0].store, len(backups))
        for backup in backups:
            if backup.uid not in self._gone:
                self._clear.add(backup.uid)
                await self._delete(backup)
        self._forget(backups)

    async def _delete(self, backup: Backup) -> None:
        meta = {"namespace": backup.key.namespace, "name": backup.key.name, "uid": backup.uid}
        await self._tools.cluster.delete({"kind": BACKUP.name, "metadata": meta})

    def _forget(self, backups: list[Backup]) -> None:
        for backup in backups:
            if self._gone.pop(backup.uid, None):
                self._tools.soon(backup.item)  # another one of the name may have waited


def went(namespace: Object | None, backups: Sequence[Backup]) -> bool:
    """Whether the namespace of backups goes or went as a whole: one of its name may have been made anew since. Pure."""
    if namespace is None or (namespace.get("status") or {}).get("phase") == "Terminating":
        return True
    made = moment(namespace["metadata"].get("creationTimestamp"))
    return made is not None and any(backup.created < made for backup in backups)
