"""Growing a store's volumes while its pods go on: larger claims first, then a StatefulSet made anew around the pods.

The claim template of a StatefulSet cannot be changed. So the StatefulSet is deleted without its pods, which
the new one takes over by their labels: its pod template is the same, and so no pod is touched.
https://kubernetes.io/docs/tasks/run-application/delete-stateful-set/
"""

from __future__ import annotations

import logging

from vectorstore_operator import names
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.events import News, Recorder
from vectorstore_operator.cluster.kinds import CLAIM, STATEFUL_SET
from vectorstore_operator.objects import Object, belongs
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.claimed import size_of, taken
from vectorstore_operator.quantity import from_bytes
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import claims
from vectorstore_operator.render.statefulset import outgrown

log = logging.getLogger(__name__)


async def grow(cluster: Cluster, cache: Cache, recorder: Recorder, store: Object, wanted: Resolved) -> bool:
    """Makes claims larger that are too small; whether the StatefulSet is to be made anew because of it.

    Whatever ends this half-way, the next look goes on from what is there: the claims say how large.
    """
    key = Key(wanted.namespace, wanted.name)
    small = claims.too_small(wanted, cache.children(key))
    for claim in small:
        cache.put(await cluster.patch(claim, claims.larger(wanted)))
    if small:
        sizes = f"{from_bytes(size_of(small[0]))} to {from_bytes(wanted.storage)}"
        await recorder.tell(store, News("Normal", "VolumeGrows", f"the volume grows from {sizes}"))
    live = cache.children(key).get((STATEFUL_SET.name, wanted.name))
    if live is None or not outgrown(live, wanted):
        return False
    log.info("make StatefulSet %s/%s anew around its pods, as its volumes grew", wanted.namespace, wanted.name)
    await cluster.delete(live, "Orphan")
    left = await cluster.get(STATEFUL_SET, wanted.namespace, wanted.name)
    if left is None:
        cache.drop(live)
    else:
        cache.put(left)  # goes as soon as the garbage collector has let its pods go
    return True


async def adopt(cluster: Cluster, cache: Cache, recorder: Recorder, store: Object) -> Refusal | None:
    """Takes in a volume that was there before the store: without labels it is not watched.

    Returns:
        Why it cannot be had; None where there is none, or it is the store's.
    """
    meta = store["metadata"]
    key = Key(meta["namespace"], meta["name"])
    name, children = names.claim(key.name, 0), cache.children(key)
    if (STATEFUL_SET.name, key.name) in children or (store.get("spec") or {}).get("engine"):
        return None
    known = children.get((CLAIM.name, name))
    claim = known or await cluster.get(CLAIM, key.namespace, name)
    if claim is None:
        return None
    if refusal := taken(claim, meta["uid"]):
        return refusal
    if known is not None:
        return None
    stranger = await cluster.get(STATEFUL_SET, key.namespace, key.name)
    if stranger is not None and not belongs(stranger, key.name, meta["uid"]):
        return None  # the claim is of its pods; that the name is taken is told when the StatefulSet is to be made
    cache.put(await cluster.apply(claims.adopted(key.name, claim)))
    note = f"claim {name} was there already, with {from_bytes(size_of(claim))}: the store takes up what it holds"
    await recorder.tell(store, News("Normal", "VolumeAdopted", note))
    return None
