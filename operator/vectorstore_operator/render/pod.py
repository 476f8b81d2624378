"""The pod of an instance. A change of what is stated here is a rollout of every store it concerns.

Limits and keys are mounted as folders, which the kubelet refreshes: nothing of them is stated here.
"""

from __future__ import annotations

import math
from pathlib import Path

from vectorstore_instance.settings import Settings
from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved, permits
from vectorstore_operator.plan.embedding import embedding_settings
from vectorstore_operator.plan.remote import remote_settings
from vectorstore_operator.quantity import canonical_cpus, from_bytes, to_bytes
from vectorstore_operator.render import certificate, embedding, remote, scheduling
from vectorstore_operator.render.limits import FILE as LIMITS_FILE
from vectorstore_operator.render.platform import Platform

DATA = Path("/data")
LIMITS = Path("/etc/vectorstore/limits")
KEYS = Path("/etc/vectorstore/keys")
MODEL = Path("/opt/model")
TLS = Path("/etc/vectorstore/tls")

REPLAY_SECONDS = 0.0006
"""What one row costs when the engine replays its queue after a crash, on a quiet machine."""
STARTUP_SLACK = 5
STARTUP_LEAST = 120

SCRATCH = "256Mi"

POD_INDEX = {
    "name": "POD_INDEX",
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}},
}


def pod_spec(store: Resolved, platform: Platform) -> Object:
    """The pod's spec; it satisfies the restricted Pod Security Standard."""
    return {
        "serviceAccountName": store.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": _security(platform),
        "tolerations": scheduling.tolerations(store),
        **scheduling.placement(store),
        "containers": [_container(store, platform)],
        "volumes": [
            {"name": "limits", "configMap": {"name": names.limits(store.name), "defaultMode": 0o444}},
            {"name": "keys", "secret": {"secretName": names.keys(store.name), "defaultMode": 0o440}},
            {"name": "tmp", "emptyDir": {"sizeLimit": _scratch(store)}},
            *embedding.volumes(store),
            *remote.volumes(store),
            *certificate.volumes(store),
        ],
    }


def settings(store: Resolved) -> Settings:
    """Who the instance is and where its things are; what the tenant may do is in the limits file."""
    return Settings(
        tenant_id=store.tenant_id,
        plan=store.plan.name,
        model_name=store.model,
        dimension=store.dimension,
        host="0.0.0.0",  # noqa: S104  # of a pod, behind a NetworkPolicy
        data_dir=DATA,
        limits_file=LIMITS / LIMITS_FILE,
        keys_dir=KEYS,
        model_dir=None if store.embedding.endpoint else MODEL,
        tls_dir=TLS if store.spec.tls else None,
        leader_url=certificate.leader_url(store) if leads(store) else None,
        restoring=store.spec.restore_from is not None,
        **embedding_settings(store.embedding, embedding.FOLDER),
        **remote_settings(store.spec, remote.FOLDER),
        **permits.settings(store.plan.spec, store.spec, embeds=store.embeds),
    )


def leads(store: Resolved) -> bool:
    """Whether ordinal 0 keeps the data and may have others follow it; before a remote engine all pods are alike."""
    return store.remote is None and store.plan.spec.replicas.max > 1


def _container(store: Resolved, platform: Platform) -> Object:
    environment = [{"name": name, "value": value} for name, value in sorted(settings(store).environ().items())]
    return {
        "name": "instance",
        "image": store.image or platform.image,
        "imagePullPolicy": platform.image_pull_policy,
        "env": [*environment, *([] if store.remote else [POD_INDEX])],
        "ports": [
            {"name": "http", "containerPort": names.PORT, "protocol": "TCP"},
            {"name": "management", "containerPort": names.MANAGEMENT_PORT, "protocol": "TCP"},
        ],
        "resources": _resources(store),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        **_probes(store),
        "volumeMounts": [
            {"name": "data", "mountPath": str(DATA)},
            {"name": "limits", "mountPath": str(LIMITS), "readOnly": True},
            {"name": "keys", "mountPath": str(KEYS), "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            *embedding.mounts(store),
            *remote.mounts(store),
            *certificate.mounts(store, TLS),
        ],
    }


def _scratch(store: Resolved) -> str:
    stated = store.plan.spec.scratch
    return from_bytes(to_bytes(stated)) if stated else SCRATCH


def _resources(store: Resolved) -> Object:
    memory = from_bytes(store.memory)
    cpu = store.plan.spec.cpu
    return {
        "requests": {"cpu": canonical_cpus(cpu.request), "memory": memory},
        "limits": {"cpu": canonical_cpus(cpu.limit), "memory": memory},
    }


def _probes(store: Resolved) -> Object:
    # From the plan's ceiling, not the quota, which must not change the pod.
    documents = 0 if store.remote else store.plan.spec.documents
    replay = math.ceil(documents * REPLAY_SECONDS * STARTUP_SLACK)
    return {
        "startupProbe": _probe("/startupz", period=1, timeout=5, failures=STARTUP_LEAST + replay),
        "readinessProbe": _probe("/readyz", period=5, timeout=5, failures=2),
        "livenessProbe": _probe("/livez", period=10, timeout=5, failures=6),
    }


def _probe(path: str, *, period: int, timeout: int, failures: int) -> Object:
    return {
        "httpGet": {"path": path, "port": "management", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _security(platform: Platform) -> Object:
    context: Object = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if platform.run_as is None:
        return context
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), platform.run_as)
    return context | ids | {"fsGroupChangePolicy": "OnRootMismatch"}
