"""How many pods a drain may take at once."""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.meta import child


def disruption_budget(store: Resolved) -> Object | None:
    """The PodDisruptionBudget; none for a single pod, as it would hold up the drain for ever or say nothing."""
    if store.replicas < 2:
        return None
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": names.selector(store.name)}}
    return child(store, "policy/v1", "PodDisruptionBudget", store.name, spec=spec)
