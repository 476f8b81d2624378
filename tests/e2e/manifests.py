"""The manifests the scenarios apply."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

API_VERSION = "vectorstore.dev/v1alpha1"


def store(name: str, **spec: Any) -> Object:
    """A VectorStore; the plan is the scenarios' small one where the spec names none."""
    return {
        "apiVersion": API_VERSION,
        "kind": "VectorStore",
        "metadata": {"name": name},
        "spec": {"plan": "e2e-small", **spec},
    }


def backup(name: str, store: str, **spec: Any) -> Object:
    """A VectorStoreBackup."""
    return {
        "apiVersion": API_VERSION,
        "kind": "VectorStoreBackup",
        "metadata": {"name": name},
        "spec": {"store": store, **spec},
    }


def plan(name: str, **spec: Any) -> Object:
    """A VectorStorePlan, small enough for several stores on two cores."""
    cpu = {"request": "50m", "limit": "1"}
    return {
        "apiVersion": API_VERSION,
        "kind": "VectorStorePlan",
        "metadata": {"name": name},
        "spec": {"documents": 5000, "cpu": cpu, **spec},
    }


PLANS = (
    plan("e2e-small"),
    plan("e2e-scaling", replicas={"min": 1, "max": 3, "cpuPercent": 60}, cpu={"request": "100m", "limit": "500m"}),
)
