"""A listing as it comes into the cache: page by page, as what comes takes several times what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TypeVar

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Place, place
from vectorstore_operator.cluster.kinds import Kind
from vectorstore_operator.objects import Object

News = TypeVar("News")
"""What is told of an object that came, changed or went: whose it is."""
_Told = TypeVar("_Told", covariant=True)


class Keeping(Protocol[_Told]):
    """What a listing is kept in."""

    absent: set[str]
    """Kinds that the cluster does not have."""

    def put(self, obj: Object) -> _Told | None:
        """Keeps an object that is newer than what is known; None where it is not, or nobody's."""

    def drop(self, obj: Object) -> _Told | None:
        """Forgets an object that was deleted, unless a newer one has its name."""

    def retain(self, kind: str, namespace: str | None, places: Iterable[Place], version: str) -> Collection[_Told]:
        """Forgets what a listing of this version did not have."""


async def take_in(
    cluster: Cluster,
    cache: Keeping[News],
    kind: Kind,
    namespace: str | None,
    selector: str,
    changed: Callable[[News], None],
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
        for news in dict.fromkeys(news for obj in items if (news := cache.put(obj))):
            changed(news)
    for news in cache.retain(kind.name, namespace, places, version):
        changed(news)
    return version, newest
