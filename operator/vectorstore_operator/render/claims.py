"""Whether a store's volumes go with it: an owner reference on their claims, or none.

Claims are made by the StatefulSet's controller and outlive everything; only this reference changes
that, and no finalizer is needed for it, so that an uninstall cannot hang.
"""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
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
    if owned == store.delete_volumes:
        return None
    return _stated(store.name, claim, {"ownerReferences": [owner(store)]} if store.delete_volumes else {})


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
