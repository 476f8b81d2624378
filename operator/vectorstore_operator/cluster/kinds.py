"""The kinds this operator deals with, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_operator.api import API_VERSION


@dataclass(frozen=True)
class Kind:
    """Where objects of a kind live."""

    name: str
    api_version: str
    plural: str
    optional: bool = False
    """Whether a cluster may lack it, or not let the operator see it: nothing but its own feature waits for it."""

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The URL path of one object, or of the collection; no namespace = all, or cluster-scoped."""
        root = "/apis" if "/" in self.api_version else "/api"
        scope = f"/namespaces/{namespace}" if namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}/{self.api_version}{scope}/{self.plural}{tail}"


STORE = Kind("VectorStore", API_VERSION, "vectorstores")
PLAN = Kind("VectorStorePlan", API_VERSION, "vectorstoreplans")
BACKUP = Kind("VectorStoreBackup", API_VERSION, "vectorstorebackups")
GRANT = Kind("VectorStoreBackupGrant", API_VERSION, "vectorstorebackupgrants")
STATEFUL_SET = Kind("StatefulSet", "apps/v1", "statefulsets")
CLAIM = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims")
SECRET = Kind("Secret", "v1", "secrets")
POD = Kind("Pod", "v1", "pods")
CHILDREN = (
    Kind("ServiceAccount", "v1", "serviceaccounts"),
    SECRET,
    Kind("ConfigMap", "v1", "configmaps"),
    Kind("Service", "v1", "services"),
    Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    Kind("Ingress", "networking.k8s.io/v1", "ingresses", optional=True),
    Kind("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes", optional=True),
    STATEFUL_SET,
    Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
    Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
    POD,
    CLAIM,
)
"""What a store consists of: watched by label."""
RENDERED = frozenset(kind.name for kind in CHILDREN) - {POD.name, CLAIM.name}
"""Those the operator states itself; pods and claims are made by the StatefulSet's controller."""
NAMESPACE = Kind("Namespace", "v1", "namespaces")
LEASE = Kind("Lease", "coordination.k8s.io/v1", "leases")
PRIORITY_CLASS = Kind("PriorityClass", "scheduling.k8s.io/v1", "priorityclasses")
STORAGE_CLASS = Kind("StorageClass", "storage.k8s.io/v1", "storageclasses")
PERSISTENT_VOLUME = Kind("PersistentVolume", "v1", "persistentvolumes")
EVENT = Kind("Event", "events.k8s.io/v1", "events")
JOB = Kind("Job", "batch/v1", "jobs")
KINDS = {kind.name: kind for kind in (STORE, PLAN, BACKUP, GRANT, *CHILDREN, JOB, LEASE, EVENT)}
