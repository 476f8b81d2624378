"""Looks after the tenant's Secret: made once, its keys exchanged when that is asked for, the rest kept right.

Every change is a merge patch of the very edition it was made from; where that is not the newest it
fails, and the next look has the newer one. So no key is ever written over unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from vectorstore_operator import diff, keybook, names, objects, ownkeys, rotation
from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.cache import Cache, Key
from vectorstore_operator.cluster import Cluster
from vectorstore_operator.credentials import once
from vectorstore_operator.events import News, Recorder
from vectorstore_operator.kinds import SECRET
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import binding, keys
from vectorstore_operator.secretdata import fresh_key

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

    async def given(self, wanted: Resolved) -> Object | Refusal | None:
        """The Secret that the keys are taken from, or why it cannot be used; None where they are made."""
        name = asked(wanted).secret_name
        if name is None:
            return None
        live = await self._cluster.get(SECRET, wanted.namespace, name)
        return ownkeys.unusable(wanted.name, name, live) or live

    def expected(self, wanted: Resolved, given: Object | None) -> Object:
        """The credentials as they are made where there are none."""
        first = [next(iter(keybook.lines(given, role)), None) if given else fresh_key() for role in keybook.ROLES]
        fresh = keys.credentials(wanted, *first)
        if annotations := keybook.first_record(asked(wanted)):
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
        spread = self._rendered(key, live) and self._spread(key)
        if change := rotation.step(live, asked(wanted), now, spread=spread, fresh=fresh_key, given=given):
            live = await self._cluster.patch(live, change)
        self._cache.put(live)
        if made and store.get("status", {}).get("secret") and given is None:
            note = f"Secret {names.credentials(wanted.name)} was gone: new keys were made, the old ones are void"
            await self._recorder.tell(store, News("Warning", "CredentialsRecreated", note))
        return None

    def again(self, wanted: Resolved, now: datetime) -> float | None:
        """In how many seconds there may be something to do; None for never."""
        live = self._cache.children(Key(wanted.namespace, wanted.name)).get(("Secret", names.credentials(wanted.name)))
        wait = keybook.again(live, asked(wanted), now) if live else None
        if asked(wanted).secret_name:
            return min(GIVEN_AGAIN, GIVEN_AGAIN if wait is None else wait)
        return wait

    def _rendered(self, key: Key, live: Object) -> bool:
        """Whether what the pods mount has the digests of the next keys."""
        mounted = self._cache.children(key).get(("Secret", names.keys(key.name)), {})
        return all(
            {keys.digest(text) for text in keybook.lines(live, f"{role}-next")} <= set(keybook.lines(mounted, role))
            for role in keybook.ROLES
        )


def asked(wanted: Resolved) -> StoreKeys:
    """What the spec says of keys."""
    return wanted.spec.keys or StoreKeys()
