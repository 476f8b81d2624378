"""Where a store's pods run: what of their spec the scheduler reads. Nothing is stated that the plan leaves out."""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.api.scheduling import Spread
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved

EVICTED_AFTER = 60
"""Seconds on a node that does not answer, instead of the default five minutes."""

NODES = Spread(topology_key="kubernetes.io/hostname")
"""A node that goes takes one pod of a store, where there are nodes enough."""


def tolerations(store: Resolved) -> list[Object]:
    """Ours and the plan's."""
    ours: list[Object] = [
        {
            "key": f"node.kubernetes.io/{trouble}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": EVICTED_AFTER,
        }
        for trouble in ("not-ready", "unreachable")
    ]
    stated = store.plan.spec.scheduling
    return ours + [t.model_dump(by_alias=True, exclude_none=True) for t in (stated.tolerations if stated else ())]


def placement(store: Resolved) -> Object:
    """Fields of the pod's spec."""
    stated = store.plan.spec.scheduling
    fields: Object = {}
    if stated and stated.node_selector:
        fields["nodeSelector"] = dict(stated.node_selector)
    if stated and stated.priority_class_name:
        fields["priorityClassName"] = stated.priority_class_name
    if spread := _spread(store):
        fields["topologySpreadConstraints"] = [_constraint(store, one) for one in spread]
    return fields


def _spread(store: Resolved) -> list[Spread]:
    stated = store.plan.spec.scheduling
    if stated and stated.topology_spread is not None:
        return stated.topology_spread
    return [NODES] if store.plan.spec.replicas.max > 1 else []


def _constraint(store: Resolved, spread: Spread) -> Object:
    return {
        **spread.model_dump(by_alias=True),
        "labelSelector": {"matchLabels": names.selector(store.name)},
    }
