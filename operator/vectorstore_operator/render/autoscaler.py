"""How many pods, by their CPU and memory, where the plan leaves a choice."""

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
    metrics = [_metric("cpu", bounds.cpu_percent)]
    if bounds.memory_percent is not None:
        metrics.append(_metric("memory", bounds.memory_percent))
    spec = {
        "scaleTargetRef": {"apiVersion": API_VERSION, "kind": "VectorStore", "name": store.name},
        "minReplicas": bounds.min,
        "maxReplicas": bounds.max,
        "metrics": metrics,
    }
    return child(store, "autoscaling/v2", "HorizontalPodAutoscaler", store.name, spec=spec)


def _metric(resource: str, percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}
