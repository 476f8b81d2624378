"""Whether a store's volumes go with it: an owner reference on their claims, or none."""

from __future__ import annotations

from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved


def owner_patch(store: Resolved, claim: Object) -> Object | None:
    """What to apply to a claim so that it follows the deletion policy; None when it does."""
    raise NotImplementedError
