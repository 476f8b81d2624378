"""Which store has which name outside the cluster: no two have the same, and who has one keeps it.

`a-b` of namespace `c` and `a` of `b-c` come to one name, and anybody may ask for any name within the
domain. What stores have is in their status; what was given since is remembered here, so that two that
are looked at together do not both get it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.plan import Resolved, exposure
from vectorstore_operator.plan.address import host
from vectorstore_operator.refusal import Refusal


class Hosts:
    """Names and their holders."""

    def __init__(self, cache: Cache) -> None:
        """Takes what stores have from their status; the cache must be full."""
        self._cache = cache
        self._holders: dict[str, Key] = {}
        self._held: dict[Key, str] = {}
        for key, store in sorted(cache.stores().items(), key=lambda item: item[1]["metadata"]["creationTimestamp"]):
            if had := urlsplit((store.get("status") or {}).get("url") or "").hostname:
                self.claim(key, had)

    def refused(self, wanted: Resolved) -> Refusal | None:
        """Gives a store the name it is to have outside; else why it has none."""
        if refusal := exposure.kind_refused(wanted.plan.name, wanted.plan.spec, self._cache.absent):
            return refusal
        name = host(wanted)
        return None if self.claim(Key(wanted.namespace, wanted.name), name) else exposure.taken(str(name))

    def claim(self, key: Key, name: str | None) -> bool:
        """Gives a store the name it wants, and takes the one it had; whether it could be had.

        Args:
            key: the store.
            name: what clients outside go by; None where it wants none any more.
        """
        holder = self._holders.get(name or "", key)
        if holder != key and self._cache.store(holder) is not None:
            return False
        for former in (key, holder):
            if (had := self._held.pop(former, None)) is not None:
                del self._holders[had]
        if name is not None:
            self._holders[name], self._held[key] = key, name
        return True
