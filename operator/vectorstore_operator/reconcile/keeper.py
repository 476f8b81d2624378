"""Looks after the tenant's Secret: made once, its keys exchanged when that is asked for, the rest kept right.

Every change is a merge patch of the very edition it was made from; where that is not the newest it
fails, and the next look has the newer one. So no key is ever written over unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from vectorstore_operator import diff, names, objects
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.events import News, Recorder
from vectorstore_operator.cluster.kinds import SECRET
from vectorstore_operator.keys import keybook, ownkeys, rotation
from vectorstore_operator.keys.holder import Holder, holder
from vectorstore_operator.keys.secretdata import fresh_key
from vectorstore_operator.objects import Object, belongs
from vectorstore_operator.plan import Resolved
from vectorstore_operator.reconcile.credentials import once
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import Platform, binding, keys
from vectorstore_operator.render.meta import hashed

GIVEN_AGAIN = 30.0
"""Seconds between two looks at a tenant's own Secret: it is not the operator's, so it is not watched."""


class Keeper:
    """Keeps the credentials of one store after another."""

    def __init__(self, cluster: Cluster, cache: Cache, recorder: Recorder, spread: Callable[[Key], bool]) -> None:
        """
        Args:
            cluster: where they are.
            cache: what is known of them.
            recorder: told when they had to be made anew.
            spread: whether all ready pods of a store know the keys that are rendered.
        """
        self._cluster, self._cache, self._recorder, self._spread = cluster, cache, recorder, spread

    async def given(self, whose: Holder) -> Object | Refusal | None:
        """The Secret that the keys are taken from, or why it cannot be used; None where they are made."""
        name = whose.asked.secret_name
        if name is None:
            return None
        live = await self._cluster.get(SECRET, whose.namespace, name)
        return ownkeys.unusable(whose.name, name, live) or live

    def expected(self, wanted: Resolved, given: Object | None) -> Object:
        """The credentials as they are made where there are none."""
        first = [next(iter(keybook.lines(given, role)), None) if given else fresh_key() for role in keybook.ROLES]
        fresh = keys.credentials(wanted, *first)
        if annotations := keybook.first_record(holder(wanted).asked):
            fresh["metadata"]["annotations"] = annotations
        return fresh

    async def keep(
        self, store: Object, wanted: Resolved, fresh: Object, given: Object | None, now: datetime
    ) -> Refusal | None:
        """Sees to it that the tenant has keys, and does the next step of their exchange; None if so.

        Args:
            store: whose.
            wanted: the same in full.
            fresh: credentials as they are made where there are none.
            given: the Secret that the keys are taken from, if any.
            now: the time.

        Raises:
            Conflict: the credentials are not what the cache knows; look again.
        """
        key = Key(wanted.namespace, wanted.name)
        live, made = self._cache.children(key).get(objects.key(fresh)), False
        if live is None:
            live, made = await once(self._cluster, fresh)
        if refusal := diff.conflicts([fresh], {objects.key(live): live}):
            return refusal
        if change := binding.moved(wanted, live):
            live = await self._cluster.patch(live, change)
        if change := keys.reclaimed(live, fresh):
            live = await self._cluster.patch(live, change)
        await self._step(holder(wanted), live, given, now)
        if made and store.get("status", {}).get("secret") and given is None:
            note = f"Secret {names.credentials(wanted.name)} was gone: new keys were made, the old ones are void"
            await self._recorder.tell(store, News("Warning", "CredentialsRecreated", note))
        return None

    async def keep_refused(self, whose: Holder, platform: Platform, now: datetime) -> tuple[Object, ...] | None:
        """Does the next step for a store that is refused: a revocation waits for no plan. Nothing is made anew.

        Returns:
            The pods' Secret, to be applied, where it is not what the keys are now; None where there is nothing to
            look after.

        Raises:
            Conflict: the credentials are not what the cache knows; look again.
        """
        key = Key(whose.namespace, whose.name)
        live = self._cache.children(key).get(("Secret", names.credentials(whose.name)))
        if live is None or not belongs(live, whose.name, whose.uid):
            return None
        given = await self.given(whose)
        if isinstance(given, Refusal):
            return None
        await self._step(whose, live, given, now)
        children = self._cache.children(key)
        secret = keys.digests(whose, platform, children | ({objects.key(given): given} if given else {}), now)
        return diff.to_apply((hashed(secret),), children) if secret else ()

    def again(self, whose: Holder, now: datetime) -> float | None:
        """In how many seconds there may be something to do; None for never."""
        live = self._cache.children(Key(whose.namespace, whose.name)).get(("Secret", names.credentials(whose.name)))
        wait = keybook.again(live, whose.asked, now) if live else None
        if whose.asked.secret_name:
            return min(GIVEN_AGAIN, GIVEN_AGAIN if wait is None else wait)
        return wait

    async def _step(self, whose: Holder, live: Object, given: Object | None, now: datetime) -> None:
        key = Key(whose.namespace, whose.name)
        spread = self._rendered(key, live, given) and self._spread(key)
        if change := rotation.step(live, whose.asked, now, spread=spread, fresh=fresh_key, given=given):
            live = await self._cluster.patch(live, change)
        self._cache.put(live)

    def _rendered(self, key: Key, live: Object, given: Object | None) -> bool:
        """Whether what the pods mount has the digests of the next keys."""
        mounted = self._cache.children(key).get(("Secret", names.keys(key.name)), {})
        return all(
            set(map(keys.digest, _coming(live, role, given))) <= set(keybook.lines(mounted, role))
            for role in keybook.ROLES
        )


def _coming(live: Object, role: str, given: Object | None) -> list[str]:
    return keybook.lines(live, f"{role}-next") if given is None else keybook.lines(given, role)
