"""A listing as it comes into the cache: page by page, as what comes takes several times what is kept of it."""

from __future__ import annotations

from collections.abc import Callable

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key, Place, place
from vectorstore_operator.cluster.kinds import Kind


async def take_in(
    cluster: Cluster, cache: Cache, kind: Kind, namespace: str | None, selector: str, changed: Callable[[Key], None]
) -> tuple[str, int]:
    """Keeps all there is of a kind that is newer than what was known, and forgets what is gone.

    Args:
        cluster: is asked.
        cache: takes it.
        kind, namespace, selector: what is listed; no namespace is all.
        changed: told whose changed.

    Returns:
        The resourceVersion that a watch continues from, and that of the newest object.
    """
    version, newest, places = "", 0, set[Place]()
    async for page in cluster.pages(kind, namespace, selector):
        items, version = page
        places.update(map(place, items))
        newest = max([newest, *(int(obj["metadata"]["resourceVersion"]) for obj in items)])
        for key in cache.take(items):
            changed(key)
    for key in cache.retain(kind.name, namespace, places, version):
        changed(key)
    return version, newest
