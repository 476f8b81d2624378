"""How many pods, by their CPU, where the plan leaves a choice."""

from __future__ import annotations

from vectorstore_operator.api import API_VERSION
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.meta import child


def autoscaler(store: Resolved) -> Object | None:
    """The HorizontalPodAutoscaler. It scales the VectorStore: the StatefulSet has one writer, the operator."""
    bounds = store.plan.spec.replicas
    if bounds.max == bounds.min or store.hibernated:
        return None
    target = {"type": "Utilization", "averageUtilization": bounds.cpu_percent}
    spec = {
        "scaleTargetRef": {"apiVersion": API_VERSION, "kind": "VectorStore", "name": store.name},
        "minReplicas": bounds.min,
        "maxReplicas": bounds.max,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return child(store, "autoscaling/v2", "HorizontalPodAutoscaler", store.name, spec=spec)
