"""An identity of the store's own that can do nothing at the API server."""

from __future__ import annotations

from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.meta import child


def service_account(store: Resolved) -> Object:
    """The ServiceAccount; no token of it reaches a pod."""
    return child(store, "v1", "ServiceAccount", store.name, automountServiceAccountToken=False)
