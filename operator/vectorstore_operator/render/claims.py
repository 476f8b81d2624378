"""What becomes of a store's claims: whether they go with it, by an owner reference or none, and how they grow.

Claims are made by the StatefulSet's controller and outlive everything; only this reference changes
that, and no finalizer is needed for it, so that an uninstall cannot hang.
"""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.claimed import size_of
from vectorstore_operator.quantity import from_bytes
from vectorstore_operator.render.meta import owner


def owner_patch(store: Resolved, claim: Object) -> Object | None:
    """What to apply to a claim so that it follows the deletion policy; None when it does.

    Args:
        store: whose.
        claim: a live PersistentVolumeClaim among its children.

    Returns:
        An object for server-side apply. It states the owner or, to take it away again, nothing; and the
        uid, so that a claim which vanished meanwhile is a conflict and not made anew.
    """
    meta = claim["metadata"]
    owned = any(reference["uid"] == store.uid for reference in meta.get("ownerReferences") or ())
    # Before an engine elsewhere a claim is what an earlier store of the name left, and not this one's to delete.
    goes = store.delete_volumes and store.remote is None
    if owned == goes:
        return None
    return _stated(store.name, claim, {"ownerReferences": [owner(store)]} if goes else {})


def too_small(store: Resolved, children: Children) -> list[Object]:
    """Claims, of all ordinals, that ask for less than the store's volumes should have.

    One that waits for its volume cannot be changed: it grows once it has it.
    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
    """
    return [
        claim
        for (kind, _), claim in children.items()
        if kind == "PersistentVolumeClaim"
        and "deletionTimestamp" not in claim["metadata"]
        and (claim.get("status") or {}).get("phase") == "Bound"
        and size_of(claim) < store.storage
    ]


def larger(store: Resolved) -> Object:
    """A merge patch for claims: they cannot be applied, as what is not stated any more would go."""
    return {"spec": {"resources": {"requests": {"storage": from_bytes(store.storage)}}}}


def adopted(store: str, claim: Object) -> Object:
    """What to apply to a claim that was there before its store, so that it counts among its children."""
    return _stated(store, claim, {})


def _stated(store: str, claim: Object, references: Object) -> Object:
    # The labels every time: what was stated once and is not any more goes, and the claim out of sight with it.
    meta = {field: claim["metadata"][field] for field in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**meta, "labels": names.labels(store), **references},
    }
